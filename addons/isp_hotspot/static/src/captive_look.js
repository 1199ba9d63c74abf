// The waiting page looks how it stands, ever more seldom; without this it loads itself again.
(function () {
var s = document.querySelector("[data-look]").dataset, n = 0;
function later() { if (n++ < 200) setTimeout(look, n < 40 ? 3000 : 9000); }
function look() {
var x = new XMLHttpRequest();
x.onload = function () { if (/"waiting"/.test(x.responseText) || x.status !== 200) later(); else location.replace(s.then); };
x.onerror = later;
x.open("GET", s.look);
x.send();
}
later();
})();
