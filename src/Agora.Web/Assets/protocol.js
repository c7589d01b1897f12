// Improves the protocol's page, which works without it: steps without a reload, plays, and listens to keys. All that
// it shows comes from the server: it fetches the page of a link and takes the play from it.
"use strict";
(() => {
    const calm = matchMedia("(prefers-reduced-motion: reduce)");
    let timer = 0;
    let speed = "2200";
    let asked = 0;
    let pointed = null;

    const play = () => document.getElementById("play");
    const find = (selector) => play().querySelector(selector);

    const stop = () => {
        clearTimeout(timer);
        timer = 0;
        const run = find("[data-run]");
        run.textContent = "Play";
        run.setAttribute("aria-pressed", "false");
    };

    const runOn = () => {
        const step = find('[data-key="step"]');
        if (!step) {
            stop();
            return;
        }
        const run = find("[data-run]");
        run.textContent = "Pause";
        run.setAttribute("aria-pressed", "true");
        timer = setTimeout(async () => {
            await show(step.href, { push: true });
            if (timer) {
                runOn();
            }
        }, Number(speed));
    };

    const enhance = () => {
        const run = find("[data-run]");
        run.hidden = calm.matches;
        find(".speed").hidden = calm.matches;
        find("[data-speed]").value = speed;
        find(".keys").hidden = false;
    };

    // Takes the play, and what depends on the scenario, from the page of a link.
    const show = async (href, { push }) => {
        const order = ++asked;
        const focused = document.activeElement?.closest("#play [data-key]")?.dataset.key;
        const open = [...play().querySelectorAll("details[open]")].map((details) => details.dataset.keep);
        let page;
        try {
            const answer = await fetch(href);
            page = new DOMParser().parseFromString(await answer.text(), "text/html");
        } catch {
            page = null;
        }
        if (order !== asked) {
            return;
        }
        if (!page?.getElementById("play")) {
            location.assign(href);
            return;
        }
        play().replaceWith(document.adoptNode(page.getElementById("play")));
        document.querySelector(".scenarios").replaceWith(document.adoptNode(page.querySelector(".scenarios")));
        document.title = page.title;
        for (const name of open) {
            find(`details[data-keep="${name}"]`)?.setAttribute("open", "");
        }
        enhance();
        if (push) {
            history.pushState(null, "", href);
        }
        const menu = find(".menu h3");
        if (menu) {
            menu.focus({ preventScroll: window.innerWidth >= 960 });
        } else if (focused) {
            (find(`[data-key="${focused}"]`) ?? find('[data-key="next"], [data-key="back"]'))?.focus();
        }
    };

    const go = (href) => {
        stop();
        return show(href, { push: true });
    };

    // What the pointer or the focus is at: a message or a member. Choosing it brings its menu, and that the act.
    const interfere = async (act) => {
        if (!find(`[data-act="${act}"]`)) {
            const kind = act === "kill" ? "a.member" : "a.to-message, [data-message]";
            const target = document.activeElement?.closest(kind) ?? (pointed?.isConnected ? pointed.closest(kind) : null);
            if (!target) {
                return;
            }
            await go(hrefOf(target));
        }
        const link = find(`[data-act="${act}"]`);
        if (link) {
            await go(link.href);
        }
    };

    const hrefOf = (link) => (typeof link.href === "string" ? link.href : link.href.baseVal);

    document.addEventListener("click", (event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) {
            return;
        }
        const link = event.target.closest("a[data-play], #play svg a");
        if (link) {
            event.preventDefault();
            go(hrefOf(link));
        } else if (event.target.closest("[data-run]")) {
            if (timer) {
                stop();
            } else {
                runOn();
            }
        }
    });

    document.addEventListener("submit", (event) => {
        const form = event.target.closest("form[data-play]");
        if (form) {
            event.preventDefault();
            go(`${form.action}?${new URLSearchParams(new FormData(form))}`);
        }
    });

    document.addEventListener("change", (event) => {
        if (event.target.matches("[data-speed]")) {
            speed = event.target.value;
        }
    });

    document.addEventListener("pointerover", (event) => {
        pointed = event.target.closest?.("#play svg a, [data-message]") ?? pointed;
    });

    document.addEventListener("keydown", (event) => {
        if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea")) {
            return;
        }
        const at = event.target.closest("button, summary");
        if (event.key === " " && !at && !calm.matches) {
            event.preventDefault();
            find("[data-run]").click();
        } else if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
            const link = find(event.key === "ArrowLeft" ? '[data-key="back"]' : '[data-key="step"]');
            if (link && !event.target.closest(".scroll")) {
                event.preventDefault();
                go(link.href);
            }
        } else {
            const act = { l: "lose", d: "delay", k: "kill" }[event.key.toLowerCase()];
            if (act) {
                interfere(act);
            }
        }
    });

    addEventListener("popstate", () => {
        stop();
        show(location.href, { push: false });
    });

    enhance();
})();
