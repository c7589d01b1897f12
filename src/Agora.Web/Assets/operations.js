// Keeps the control room's picture moving. Without it the page is right when it is loaded.
"use strict";
(() => {
    const room = document.getElementById("room");
    const age = document.getElementById("picture-age");
    const pause = document.getElementById("pause");
    if (!room || !window.EventSource) {
        return;
    }

    const template = document.createElement("template");
    let takenAt = performance.now() - Number(room.dataset.age);
    let source = null;
    let isPaused = false;

    // Replaces one part. What has the focus keeps it, and what was scrolled stays where it is.
    function replace(html) {
        template.innerHTML = html;
        const next = template.content.firstElementChild;
        const now = next && document.getElementById(next.id);
        if (!now) {
            return;
        }

        const focused = now.contains(document.activeElement) ? document.activeElement.id : "";
        const scrolled = [...now.querySelectorAll("[data-scroll]")].map(box => [box.scrollTop, box.scrollLeft]);
        now.replaceWith(next);
        next.querySelectorAll("[data-scroll]").forEach((box, i) => {
            [box.scrollTop, box.scrollLeft] = scrolled[i] ?? [0, 0];
        });
        if (focused) {
            document.getElementById(focused)?.focus({ preventScroll: true });
        }
    }

    function open() {
        source?.close();
        source = new EventSource(room.dataset.live);
        source.addEventListener("part", event => replace(event.data));
        source.addEventListener("picture", event => {
            takenAt = performance.now() - Number(event.data);
            show();
        });
        // The browser connects again by itself, unless the server has refused.
        source.onerror = () => source.readyState === EventSource.CLOSED && setTimeout(resume, 5000);
    }

    function resume() {
        if (!isPaused && !document.hidden && source?.readyState !== EventSource.OPEN) {
            open();
        }
    }

    function show() {
        const seconds = (performance.now() - takenAt) / 1000;
        const isOld = seconds > 2.5;
        room.classList.toggle("old", isOld);
        age.textContent = isOld
            ? `The picture is ${Math.round(seconds)} s old${isPaused ? " (paused)" : ", connecting"}.`
            : isPaused ? "Paused." : "Live.";
    }

    pause.hidden = false;
    document.getElementById("reload").hidden = true;
    pause.addEventListener("click", () => {
        isPaused = !isPaused;
        pause.textContent = isPaused ? "Go on" : "Pause";
        if (isPaused) {
            source.close();
        } else {
            open();
        }
        show();
    });
    // Nobody looks at a hidden page, and a browser has only a few connections for each server.
    document.addEventListener("visibilitychange", () => (document.hidden ? source.close() : resume()));
    setInterval(show, 500);
    open();
})();
