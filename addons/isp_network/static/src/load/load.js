/* License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl). */
import { Component, onWillStart, useState, useSubEnv } from "@odoo/owl";
import { deserializeDateTime } from "@web/core/l10n/dates";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { Layout } from "@web/search/layout";
import { getDefaultConfig } from "@web/views/view";
import { standardActionServiceProps } from "@web/webclient/actions/action_service";
import { speed, volume } from "../units/units";

/** Where the load is: a tile a router or a town, the busiest first; where coordinates are known, also as they lie. */
export class Load extends Component {
    static template = "isp_network.Load";
    static components = { Layout };
    static props = { ...standardActionServiceProps };

    setup() {
        useSubEnv({ config: { ...getDefaultConfig(), ...this.env.config } });
        this.orm = useService("orm");
        this.action = useService("action");
        this.state = useState({ by: "router", hours: 24, tiles: [], moments: [], loaded: false });
        onWillStart(() => this.load());
    }

    async load(change = {}) {
        Object.assign(this.state, change);
        const answer = await this.orm.call("isp.load", "tiles", [this.state.by, this.state.hours]);
        Object.assign(this.state, { tiles: answer.tiles, moments: answer.hours, loaded: true });
    }

    /** Share of the busiest tile, for its colour. */
    heat(tile) {
        const most = Math.max(...this.state.tiles.map((one) => one.total), 1);
        return tile.total / most;
    }

    bars(tile) {
        const most = Math.max(...tile.bytes, 1);
        const width = 240 / tile.bytes.length;
        return tile.bytes.map((bytes, at) => ({ x: at * width, width: Math.max(width - 1, 0.5), height: (bytes / most) * 60, at: this.state.moments[at], bytes }));
    }

    /** Tiles with coordinates, placed within the area they span. */
    get places() {
        const placed = this.state.tiles.filter((tile) => tile.key && tile.latitude !== null && tile.longitude !== null);
        if (placed.length < 2) {
            return [];
        }
        const span = (name) => {
            const values = placed.map((tile) => tile[name]);
            const [least, most] = [Math.min(...values), Math.max(...values)];
            return (value) => (most > least ? (value - least) / (most - least) : 0.5);
        };
        const [x, y] = [span("longitude"), span("latitude")];
        const dots = placed.map((tile) => ({ tile, x: 8 + x(tile.longitude) * 84, y: 88 - y(tile.latitude) * 76, size: 12 + 28 * Math.sqrt(this.heat(tile)) }));
        // Each name where it hides no other one, as far as that can be: above, below, or a line further.
        const names = dots.map((dot) => ({ x: dot.x, y: dot.y, wide: 4 }));
        const free = (name) => !names.some((one) => Math.abs(one.x - name.x) < (one.wide + name.wide) / 2 && Math.abs(one.y - name.y) < 8);
        for (const dot of dots.sort((first, second) => second.size - first.size)) {
            const wide = dot.tile.name.length * 2.4;
            dot.rise = [1, -1, 2, -2].find((rise) => free({ x: dot.x, y: dot.y - rise * 10, wide })) || 1;
            names.push({ x: dot.x, y: dot.y - dot.rise * 10, wide });
        }
        return dots;
    }

    /** The hour of a bar, by the reader's clock. */
    hour(text) {
        return deserializeDateTime(text).toFormat("ccc HH:mm");
    }

    volume(bytes) {
        return volume(bytes);
    }

    speed(bits) {
        return speed(bits);
    }

    live(tile) {
        if (this.state.by === "router" && tile.key) {
            this.action.doAction({ type: "ir.actions.client", tag: "isp_network.live", name: tile.name, params: { model: "isp.router", id: Number(tile.key), name: tile.name } });
        }
    }
}

registry.category("actions").add("isp_network.load", Load);
