/* What this telephone gave, and the codes it holds for the time without a network. Pure: no clock, no network, no storage; each function
   takes a state and gives a new one.

   A token is given from the reserve at once, network or not, and told to the server afterwards under the uuid it got here; told twice it is
   done once. `held` says which codes are here, so that a lost answer loses and doubles nothing. */

const AT_ONCE = 40;
const REMEMBERED = 30;

export const fresh = (device) => ({ device, reserve: [], items: [], done: [] });

export const reserved = (state, offer) => state.reserve.filter((token) => token.offer === offer).length;

/** Give one: `item` has uuid, method, offer (or own terms), price, phone, lang, at (ms by the telephone's clock).
    Takes a code of the reserve where there is one; else it waits for the server. */
export function give(state, item) {
    if (state.items.some((known) => known.uuid === item.uuid)) {
        return state;
    }
    const token = item.own ? undefined : state.reserve.find((one) => one.offer === item.offer);
    return {
        ...state,
        reserve: state.reserve.filter((one) => one !== token),
        items: [...state.items, token ? { ...item, token } : item],
    };
}

/** What is told to the server now, and which codes stay here. */
export function outgoing(state, now) {
    const sent = state.items.filter((item) => !item.reason).slice(0, AT_ONCE);
    const kept = state.items.filter((item) => item.token && !sent.includes(item));
    return {
        items: sent.map(({ token, at, own, ...item }) => ({
            ...item,
            ...(token && { code: token.code }),
            age: Math.round((now - at) / 1000),
        })),
        held: [...state.reserve, ...kept.map((item) => item.token)].map((token) => token.code),
    };
}

/** The server's answer to `outgoing`. What was given meanwhile stays. */
export function take(state, answer) {
    const said = new Map(answer.items.map((one) => [one.uuid, one]));
    const items = [];
    const done = [...state.done];
    for (const item of state.items) {
        const found = said.get(item.uuid);
        if (!found || found.state === "later") {
            items.push(item);
        } else if (found.state === "refused") {
            items.push({ ...item, reason: found.text });
        } else if (!found.canceled) {
            done.push({ ...item, ...found, token: found.token || item.token });
        }
    }
    const drop = new Set(answer.drop);
    const here = new Set([...state.reserve, ...items.map((item) => item.token).filter(Boolean)].map((token) => token.code));
    const reserve = state.reserve.filter((token) => !drop.has(token.code));
    reserve.push(...answer.add.filter((token) => !here.has(token.code)));
    return { ...state, reserve, items, done: done.slice(-REMEMBERED) };
}

/** The owner looks at a refused one: sent again with `changes`, or taken out of the list (its code is then good for nobody). */
export function again(state, uuid, changes) {
    return { ...state, items: state.items.map((item) => (item.uuid === uuid ? { ...item, ...changes, reason: undefined } : item)) };
}

export const cancel = (state, uuid) => again(state, uuid, { cancel: true });

/** Told to nobody yet: waiting for the network, or refused. */
export const unsynced = (state) => state.items;
export const waiting = (state) => state.items.filter((item) => !item.reason);
export const find = (state, uuid) => [...state.items, ...state.done].find((item) => item.uuid === uuid);
