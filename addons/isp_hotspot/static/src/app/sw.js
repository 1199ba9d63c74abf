/* Keeps the app on the telephone: the page and the files of one version. What is asked of the server by the app is never kept here. */

const CACHE = `wifi-app-${VERSION}`;

self.addEventListener("install", (event) => {
    const fill = async () => {
        const cache = await caches.open(CACHE);
        await cache.addAll(FILES);
        // Not the one that a browser kept: the page of this version.
        await cache.put(HOME, await page(await fetch(HOME, { cache: "reload" })));
        await self.skipWaiting();
    };
    event.waitUntil(fill());
});

self.addEventListener("activate", (event) => {
    const clean = async () => {
        const old = (await caches.keys()).filter((name) => name.startsWith("wifi-app-") && name !== CACHE);
        await Promise.all(old.map((name) => caches.delete(name)));
        await self.clients.claim();
    };
    event.waitUntil(clean());
});

self.addEventListener("fetch", (event) => {
    const url = new URL(event.request.url);
    if (event.request.method !== "GET" || url.origin !== location.origin || !url.pathname.startsWith(HOME)) {
        return;
    }
    if (event.request.mode === "navigate" && [HOME, `${HOME}/`].includes(url.pathname)) {
        event.respondWith(kept(HOME, event.request));
        // What is shown at once may be older: names and languages of the company are looked up for the next time.
        event.waitUntil(renew());
    } else if (url.pathname.startsWith(`${HOME}/file/`)) {
        event.respondWith(kept(url.pathname, event.request));
    }
});

async function kept(path, request) {
    const cache = await caches.open(CACHE);
    return (await cache.match(path)) || fetch(request);
}

async function renew() {
    try {
        const fresh = await page(await fetch(HOME, { cache: "no-cache" }));
        await (await caches.open(CACHE)).put(HOME, fresh);
    } catch (error) {
        console.info(`The page is kept as it is: ${error.message}`);
    }
}

async function page(response) {
    const text = await response.text();
    if (!response.ok || !text.includes(VERSION)) {
        throw new Error("The page is of another version");
    }
    return new Response(text, { headers: response.headers });
}
