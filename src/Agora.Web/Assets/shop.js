// Niceties of the shop. Every page works without them.

// A quantity in the cart is sent as soon as it has been changed.
for (const field of document.querySelectorAll("[data-submit]")) {
    field.addEventListener("change", () => field.form.requestSubmit());
}

for (const button of document.querySelectorAll("[data-print]")) {
    button.hidden = false;
    button.addEventListener("click", () => window.print());
}

// The preview of a new item is the one that the server draws for the same fields.
for (const form of document.querySelectorAll("form[data-preview]")) {
    form.querySelector("[data-without-script]").hidden = true;
    let timer;
    let asked = 0;
    const show = async () => {
        const turn = ++asked;
        const fields = new FormData(form);
        fields.delete("key");
        try {
            const answer = await fetch(`${form.action}?${new URLSearchParams(fields)}`);
            if (!answer.ok || answer.redirected) {
                return;
            }
            const page = new DOMParser().parseFromString(await answer.text(), "text/html");
            const preview = page.getElementById("preview");
            // An answer that a later one has overtaken is out of date.
            if (preview && turn === asked) {
                document.getElementById("preview").replaceChildren(...preview.children);
            }
        } catch {
            // The preview stays as it is; the form works all the same.
        }
    };
    form.addEventListener("input", () => {
        clearTimeout(timer);
        timer = setTimeout(show, 250);
    });
}

// Marks that scripts run, for what is hidden then.
document.documentElement.classList.add("script");
