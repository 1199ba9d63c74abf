/* License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl). */
import { Component, onWillStart, useState } from "@odoo/owl";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { standardActionServiceProps } from "@web/webclient/actions/action_service";
import { speed } from "../live/live";

/** Where the load is: a tile a router or a town, the busiest first; where coordinates are known, also as they lie. */
export class Load extends Component {
    static template = "isp_network.Load";
    static props = { ...standardActionServiceProps };

    setup() {
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
        const placed = this.state.tiles.filter((tile) => tile.latitude !== null && tile.longitude !== null);
        if (placed.length < 2) {
            return [];
        }
        const span = (name) => {
            const values = placed.map((tile) => tile[name]);
            const [least, most] = [Math.min(...values), Math.max(...values)];
            return (value) => (most > least ? (value - least) / (most - least) : 0.5);
        };
        const [x, y] = [span("longitude"), span("latitude")];
        return placed.map((tile) => ({ tile, x: 30 + x(tile.longitude) * 540, y: 270 - y(tile.latitude) * 240, r: 6 + 18 * Math.sqrt(this.heat(tile)) }));
    }

    volume(bytes) {
        for (const [size, unit] of [[1e12, "TB"], [1e9, "GB"], [1e6, "MB"], [1e3, "kB"]]) {
            if (bytes >= size) {
                return `${(bytes / size).toFixed(1)} ${unit}`;
            }
        }
        return `${bytes} B`;
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
