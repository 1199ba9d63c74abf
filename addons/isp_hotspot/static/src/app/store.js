/* Keeps things on this telephone (IndexedDB). Where that is forbidden they last as long as the page. */

let opened;
const memory = new Map();

function open() {
    opened ??= new Promise((resolve) => {
        const request = indexedDB.open("wifi-app", 1);
        request.onupgradeneeded = () => request.result.createObjectStore("things");
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => resolve(null);
    }).catch(() => null);
    return opened;
}

/** Read `key`, put what `change` makes of it, in one step: of two tabs one comes after the other. Gives what is kept now. */
export async function update(key, change) {
    const database = await open();
    if (!database) {
        memory.set(key, change(memory.get(key)));
        return memory.get(key);
    }
    return new Promise((resolve, reject) => {
        const step = database.transaction("things", "readwrite", { durability: "strict" });
        const things = step.objectStore("things");
        let made;
        things.get(key).onsuccess = ({ target }) => {
            made = change(target.result);
            if (made === undefined) {
                things.delete(key);
            } else {
                things.put(made, key);
            }
        };
        step.oncomplete = () => resolve(made);
        step.onerror = step.onabort = () => reject(step.error);
    });
}

export async function read(key) {
    const database = await open();
    if (!database) {
        return memory.get(key);
    }
    return new Promise((resolve, reject) => {
        const request = database.transaction("things").objectStore("things").get(key);
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error);
    });
}

export const write = (key, value) => update(key, () => value);
export const forget = (key) => update(key, () => undefined);
