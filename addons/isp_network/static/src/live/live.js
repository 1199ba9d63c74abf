/* License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl). */
import { Component, onMounted, onWillUnmount, useState } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { standardActionServiceProps } from "@web/webclient/actions/action_service";

/** Seconds that a graph shows, and between two words to the server that somebody looks. */
const WINDOW = 120;
const EVERY = 5000;

/** 12345678 -> "12.3 Mbit/s" */
export function speed(bits) {
    if (bits === undefined || bits === null) {
        return "–";
    }
    for (const [size, unit] of [[1e9, "Gbit/s"], [1e6, "Mbit/s"], [1e3, "kbit/s"]]) {
        if (bits >= size) {
            return `${(bits / size).toFixed(bits >= 100 * size ? 0 : 1)} ${unit}`;
        }
    }
    return `${bits} bit/s`;
}

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
    static props = { ...standardActionServiceProps };

    setup() {
        this.orm = useService("orm");
        this.busService = useService("bus_service");
        const given = this.props.action.params || {};
        this.model = given.model || "isp.router";
        this.key = given.id;
        this.token = Array.from(crypto.getRandomValues(new Uint8Array(12)), (b) => b.toString(16).padStart(2, "0")).join("");
        this.state = useState({ mode: "", note: "", error: "", name: given.name || "", online: 0, series: {}, chosen: "", now: Date.now() });
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
            this.state.error = _t("The server does not answer.");
            return;
        }
        this.router = answer.router;
        this.login = answer.login;
        Object.assign(this.state, { mode: answer.mode, note: answer.note, online: answer.online });
        if (answer.mode === "live" && this.channel !== answer.channel) {
            this.channel = answer.channel;
            this.busService.addChannel(this.channel);
        } else if (answer.mode === "sums") {
            this.state.error = "";
            this.add(this.state.name, [answer.up, answer.down]);
        }
    }

    receive(message) {
        if (message.router !== this.router || this.state.mode !== "live") {
            return;
        }
        this.state.error = message.error || "";
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

    add(name, [up, down]) {
        const at = Date.now();
        const points = (this.state.series[name] || []).filter((point) => at - point.at < (WINDOW + 10) * 1000);
        points.push({ at, up, down });
        this.state.series[name] = points;
        this.state.chosen ||= name;
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

    get top() {
        return ceiling(Math.max(1000, ...this.points.map((point) => Math.max(point.up, point.down))));
    }

    path(which) {
        const top = this.top;
        return this.points
            .map((point) => `${(600 - ((this.state.now - point.at) / 1000 / WINDOW) * 600).toFixed(1)},${(200 - (point[which] / top) * 190).toFixed(1)}`)
            .join(" ");
    }

    speed(bits) {
        return speed(bits);
    }
}

registry.category("actions").add("isp_network.live", Live);
