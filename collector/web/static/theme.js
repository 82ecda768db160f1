// Light, dark or as the system has it, without loading the page again; the server remembers it by the same cookie.
// Without this script the three links do the same.
const root = document.documentElement;
const choices = [...document.querySelectorAll("[data-theme-choice]")];

const choose = (theme) => {
  document.cookie = `theme=${theme}; path=/; max-age=31536000; SameSite=Lax`;
  if (theme === "auto") delete root.dataset.theme;
  else root.dataset.theme = theme;
  document.querySelector('meta[name="color-scheme"]').content = theme === "auto" ? "light dark" : theme;
  for (const choice of choices) {
    if (choice.dataset.themeChoice === theme) choice.setAttribute("aria-current", "true");
    else choice.removeAttribute("aria-current");
  }
  dispatchEvent(new CustomEvent("theme")); // what is drawn on a canvas is drawn again
};

for (const choice of choices)
  choice.addEventListener("click", (event) => {
    event.preventDefault();
    choose(choice.dataset.themeChoice);
  });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => dispatchEvent(new CustomEvent("theme")));

// What was chosen by the address is remembered now, and does not belong in a link that somebody sends on.
const here = new URL(location.href);
for (const name of ["lang", "theme"])
  if (document.cookie.split("; ").includes(`${name}=${here.searchParams.get(name)}`)) here.searchParams.delete(name);
if (here.href !== location.href) history.replaceState(history.state, "", here);
