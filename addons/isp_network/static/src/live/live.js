/* License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl). */
import { Component, onMounted, onWillUnmount, useState, useSubEnv } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { Layout } from "@web/search/layout";
import { getDefaultConfig } from "@web/views/view";
import { standardActionServiceProps } from "@web/webclient/actions/action_service";
import { speed } from "../units/units";

/** Seconds that a graph shows: at first few, then more and more. Milliseconds between two words to the server that somebody looks. */
const LEAST = 30;
const WINDOW = 120;
const EVERY = 5000;

/** The least of 1, 2, 5, 10 … that is above: the graph does not jump with every point. */
export function ceiling(bits) {
    let top = 1000;
    for (let n = 0; top < bits; n++) {
        top *= n % 3 === 1 ? 2.5 : 2;
    }
    return top;
}

/**
 * Download and upload as they go by. Points come by the bus from one poller a router; when the router has no API, from what
 * it reports every few minutes, and the screen says so.
 */
export class Live extends Component {
    static template = "isp_network.Live";
    static components = { Layout };
    static props = { ...standardActionServiceProps };

    setup() {
        useSubEnv({ config: { ...getDefaultConfig(), ...this.env.config } });
        this.orm = useService("orm");
        this.busService = useService("bus_service");
        const given = this.props.action.params || {};
        this.model = given.model || "isp.router";
        this.key = given.id;
        this.token = Array.from(crypto.getRandomValues(new Uint8Array(12)), (b) => b.toString(16).padStart(2, "0")).join("");
        this.state = useState({ mode: "", note: "", error: "", detail: "", name: given.name || "", online: 0, series: {}, chosen: "", now: Date.now() });
        this.onMessage = (message) => this.receive(message);
        this.busService.subscribe("isp.live", this.onMessage);
        onMounted(() => {
            this.look();
            this.timer = setInterval(() => document.hidden || this.look(), EVERY);
            this.clock = setInterval(() => (this.state.now = Date.now()), 500);
        });
        onWillUnmount(() => {
            clearInterval(this.timer);
            clearInterval(this.clock);
            this.busService.unsubscribe("isp.live", this.onMessage);
            if (this.channel) {
                this.busService.deleteChannel(this.channel);
            }
        });
    }

    async look() {
        let answer;
        try {
            answer = await this.orm.silent.call("isp.live", "look", [this.model, this.key, this.token]);
        } catch {
            Object.assign(this.state, { error: _t("The server does not answer."), detail: "" });
            return;
        }
        if (this.state.mode !== answer.mode || answer.mode !== "live") {
            this.state.error = this.state.detail = "";
        }
        this.router = answer.router;
        this.login = answer.login;
        Object.assign(this.state, { mode: answer.mode, note: answer.note, online: answer.online });
        if (answer.mode === "live" && this.channel !== answer.channel) {
            this.channel = answer.channel;
            this.busService.addChannel(this.channel);
        } else if (answer.mode === "sums") {
            this.add(this.state.name, [answer.up, answer.down]);
        }
    }

    receive(message) {
        if (message.router !== this.router || this.state.mode !== "live") {
            return;
        }
        this.state.error = message.error ? this.explain(message.error) : "";
        this.state.detail = message.error ? message.error.detail : "";
        if (this.model === "isp.router") {
            for (const [name, rates] of Object.entries(message.interfaces || {})) {
                this.add(name, rates);
            }
        } else {
            const rates = (message.users || {})[this.login];
            if (rates) {
                this.add(this.state.name, rates);
            } else if ((message.missing || []).includes(this.login)) {
                this.state.error = _t("The router shows no such session at this moment.");
            }
        }
    }

    /** What went wrong at the router, in the reader's language. */
    explain({ kind }) {
        return {
            NotTrusted: _t("The router's certificate is not the one that was entered. Until it is looked at, the router is not asked."),
            NotAllowed: _t("The router refuses the API user: check its name, password and rights."),
        }[kind] || _t("The router does not answer: is it on, is its line up? It is asked again and again.");
    }

    add(name, [up, down]) {
        const at = Date.now();
        const points = (this.state.series[name] || []).filter((point) => at - point.at < (WINDOW + 10) * 1000);
        points.push({ at, up, down });
        this.state.series[name] = points;
        this.state.chosen ||= name;
    }

    get isRouter() {
        return this.model === "isp.router";
    }

    /** What the two directions are called: a line has a download, an interface of a router has what comes in. */
    get words() {
        return this.isRouter ? { first: _t("In"), second: _t("Out") } : { first: _t("Download"), second: _t("Upload") };
    }

    /** Of an interface the first is what it receives, of a line what the customer receives. */
    get first() {
        return this.isRouter ? "up" : "down";
    }

    get second() {
        return this.isRouter ? "down" : "up";
    }

    get names() {
        const last = (name) => this.state.series[name].at(-1);
        return Object.keys(this.state.series).sort((a, b) => last(b).up + last(b).down - last(a).up - last(a).down || a.localeCompare(b));
    }

    last(name) {
        return this.state.series[name]?.at(-1) || {};
    }

    get points() {
        return this.state.series[this.state.chosen] || [];
    }

    /** The graph is never mostly empty: it shows what there is, and more and more of it. */
    get span() {
        const first = this.points[0];
        return first ? Math.min(Math.max((this.state.now - first.at) / 1000, LEAST), WINDOW) : LEAST;
    }

    get top() {
        return ceiling(Math.max(1000, ...this.points.map((point) => Math.max(point.up, point.down))));
    }

    path(which) {
        const top = this.top;
        return this.points
            .map((point) => `${(600 - ((this.state.now - point.at) / 1000 / this.span) * 600).toFixed(1)},${(200 - (point[which] / top) * 190).toFixed(1)}`)
            .join(" ");
    }

    speed(bits) {
        return speed(bits);
    }
}

registry.category("actions").add("isp_network.live", Live);
