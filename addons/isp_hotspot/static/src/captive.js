// The pages of a hotspot work without this; with it a double tap is one, a code goes straight to the router, and the waiting page looks by itself.
(function () {
var d = document, l = d.querySelector(".l"), s = d.querySelector("[data-then]"), n = 0;
function each(f) { [].forEach.call(d.querySelectorAll("button"), f); }
function word(name) { return l[name] ? encodeURIComponent(l[name].value.trim()) : ""; }
if (l) l.onsubmit = function () {
// Our page on the router answers its challenge of this moment; behind the # the code is not sent.
var go = l.dataset.go, p = word("password"), c = word("code");
if (!go) return true;
location.href = go + "#c=" + c + (p && p !== c ? "&p=" + p : "");
return false;
};
d.addEventListener("submit", function () { setTimeout(function () { each(function (b) { b.disabled = true; }); }, 0); });
addEventListener("pageshow", function () { each(function (b) { b.disabled = false; }); });
if (!s) return;
function later() { if (n++ < 200) setTimeout(look, n < 40 ? 3000 : 9000); }
function look() {
var x = new XMLHttpRequest();
x.onload = function () { if (/"waiting"/.test(x.responseText) || x.status !== 200) later(); else location.replace(s.dataset.then); };
x.onerror = later;
x.open("GET", s.dataset.look);
x.send();
}
if (s.dataset.look) later();
if (s.dataset.now && l) {
history.replaceState(0, "", location.href.replace(/([?&])go=1/, "$1"));
l.querySelector("button").click();
}
})();
