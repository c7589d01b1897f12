// Plays the told scenarios: shows one section at one step. Each part of a picture names the steps that show it.
"use strict";
(() => {
    const sections = [...document.querySelectorAll("section.play")];
    const links = [...document.querySelectorAll(".scenarios a")];
    const calm = matchMedia("(prefers-reduced-motion: reduce)");
    const every = 2500;
    let current = sections[0];
    let step = 0;
    let timer = 0;

    const last = () => current.querySelectorAll(".steps li").length - 1;

    const stop = () => {
        clearInterval(timer);
        timer = 0;
        current.querySelector('[data-do="play"]').textContent = "Play";
    };

    const show = (wanted) => {
        step = Math.max(0, Math.min(last(), wanted));
        for (const item of current.querySelectorAll(".steps li")) {
            item.hidden = Number(item.dataset.step) !== step;
        }
        for (const part of current.querySelectorAll("svg [data-from]")) {
            const from = Number(part.dataset.from);
            part.setAttribute("display", from <= step && step <= Number(part.dataset.to) ? "inline" : "none");
            for (const detail of part.querySelectorAll(".message, .mark, .label")) {
                detail.classList.toggle("new", from === step && step > 0);
            }
        }
        // The picture ends with the members' feet, which follow the present.
        const picture = current.querySelector("svg");
        const feet = picture.dataset.feet.split(" ").map(Number);
        const [, , width, height] = picture.dataset.box?.split(" ") ?? picture.getAttribute("viewBox").split(" ");
        picture.dataset.box ??= picture.getAttribute("viewBox");
        const shown = Number(height) - feet.at(-1) + feet[step];
        picture.setAttribute("viewBox", `0 0 ${width} ${shown}`);
        picture.setAttribute("height", shown);
        picture.querySelector(".feet").setAttribute("transform", `translate(0 ${feet[step]})`);
        current.querySelector('[data-do="back"]').disabled = step === 0;
        current.querySelector('[data-do="step"]').disabled = step === last();
        current.querySelector(".count").textContent = `Step ${step} of ${last()}`;
        current.querySelector(".lesson").hidden = step !== last();
        if (step === last()) {
            stop();
        }
    };

    const open = () => {
        stop();
        current = sections.find((section) => `#${section.id}` === location.hash) ?? sections[0];
        for (const section of sections) {
            section.hidden = section !== current;
        }
        for (const link of links) {
            if (link.hash === `#${current.id}`) {
                link.setAttribute("aria-current", "true");
            } else {
                link.removeAttribute("aria-current");
            }
        }
        show(0);
        if (location.hash) {
            // The other sections, now hidden, may have stood above it.
            document.querySelector(".scenarios").scrollIntoView();
        }
    };

    const play = () => {
        if (timer || calm.matches) {
            stop();
            return;
        }
        if (step === last()) {
            show(0);
        }
        timer = setInterval(() => show(step + 1), every);
        current.querySelector('[data-do="play"]').textContent = "Pause";
    };

    const act = { back: () => show(step - 1), step: () => show(step + 1), play };

    document.addEventListener("click", (event) => {
        const button = event.target.closest("[data-do]");
        if (button) {
            if (button.dataset.do !== "play") {
                stop();
            }
            act[button.dataset.do]();
        }
    });

    document.addEventListener("keydown", (event) => {
        const key = { ArrowLeft: "back", ArrowRight: "step", " ": "play" }[event.key];
        const busy = event.target.closest("button, a, input, select, textarea");
        if (key && !event.ctrlKey && !event.metaKey && !event.altKey && !(busy && key === "play")) {
            event.preventDefault();
            if (key !== "play") {
                stop();
            }
            act[key]();
        }
    });

    addEventListener("hashchange", open);
    document.documentElement.classList.add("playing");
    for (const section of sections) {
        section.querySelector(".controls").hidden = false;
        section.querySelector('[data-do="play"]').hidden = calm.matches;
    }
    open();
})();
