/* The waiting page: asks how it stands, slower with time; without this file the page reloads itself. */
(function () {
    "use strict";
    var page = document.getElementById("wallet");
    var started = Date.now();
    function show(found) {
        page.className = found.state;
        document.getElementById("title").textContent = found.title;
        document.getElementById("text").textContent = found.text;
        var pay = document.getElementById("page");
        pay.hidden = !found.page;
        pay.href = found.page || "#";
        if (found.state === "waiting") {
            again();
        } else {
            document.getElementById("go").hidden = false;
        }
    }
    function again() {
        setTimeout(ask, Date.now() - started < 120000 ? 2500 : 10000);
    }
    function ask() {
        fetch(page.dataset.url, { cache: "no-store" })
            .then(function (answer) {
                return answer.json();
            })
            .then(show)
            .catch(again);
    }
    if (page.dataset.state === "waiting") {
        again();
    }
})();
