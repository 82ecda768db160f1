// Adds to forms that work without it: a file can be dropped and its way is shown; sites are found while one types.
const upload = document.querySelector("form.upload");

const say = (text) => {
  const said = document.getElementById("said");
  const line = document.createElement("p");
  line.className = "fault";
  line.id = "file-fault";
  line.textContent = text;
  said.replaceChildren(...(text ? [line] : []));
  document.querySelector(".drop").classList.toggle("wrong", Boolean(text));
};

const send = (form, file) => {
  const progress = document.getElementById("progress");
  const state = document.getElementById("state");
  const button = form.querySelector("button");
  const request = new XMLHttpRequest(); // fetch does not tell how much has gone
  const body = new FormData();
  body.append("file", file);
  const stop = (text) => {
    button.disabled = false;
    progress.classList.add("hidden");
    state.textContent = "";
    say(text);
  };
  request.upload.onprogress = (event) => {
    progress.value = event.lengthComputable ? (100 * event.loaded) / event.total : 0;
    if (event.loaded === event.total) state.textContent = form.dataset.reading;
  };
  request.onload = () => {
    const fresh = new DOMParser().parseFromString(request.responseText, "text/html");
    const fault = fresh.querySelector("#file-fault");
    if (fault) stop(fault.textContent);
    else if (request.status === 200 && request.responseURL.includes("/admin/drafts/")) location.assign(request.responseURL);
    else stop(fresh.querySelector("main p.empty")?.textContent ?? form.dataset.broken);
  };
  request.onerror = () => stop(form.dataset.broken);
  button.disabled = true;
  say("");
  progress.value = 0;
  progress.classList.remove("hidden");
  state.textContent = form.dataset.sending;
  request.open("POST", form.action);
  request.send(body);
};

if (upload) {
  const drop = upload.querySelector(".drop");
  const field = document.getElementById("file");
  const fits = (file) => {
    const large = file.size > Number(upload.dataset.limit) * 1e6;
    say(large ? upload.dataset.large : "");
    return !large;
  };
  field.addEventListener("change", () => field.files[0] && fits(field.files[0]));
  upload.addEventListener("submit", (event) => {
    event.preventDefault();
    const file = field.files[0];
    if (file && fits(file)) send(upload, file);
  });
  for (const name of ["dragenter", "dragover"]) {
    drop.addEventListener(name, (event) => {
      event.preventDefault();
      drop.classList.add("over");
    });
  }
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    if (!event.dataTransfer.files.length) return;
    field.files = event.dataTransfer.files;
    if (fits(field.files[0])) send(upload, field.files[0]);
  });
}

const find = document.querySelector("form.find");
if (find) {
  const field = find.querySelector("input");
  let timer = 0;
  let asked = 0;
  const look = async () => {
    const mine = ++asked;
    const address = `${location.pathname}?${new URLSearchParams({ q: field.value })}`;
    const answer = await fetch(address, { headers: { Accept: "text/html" } });
    if (!answer.ok || mine !== asked) return; // a newer question is on its way
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    const choices = fresh.getElementById("choices");
    if (choices) document.getElementById("choices").replaceChildren(...choices.childNodes);
    history.replaceState(null, "", address);
  };
  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => look().catch(() => {}), 150);
  });
}
