// The page: shows who is visiting and what is in the cart, and does what buttons say.

import { ask, Problem } from "./api.js";

const find = (selector) => document.querySelector(selector);
const euros = new Intl.NumberFormat("en", { style: "currency", currency: "EUR" });

const products = new Map();
let visit = { is_guest: true, cart: {} };
let queue = Promise.resolve();

// One thing after the other. A guest's cart is in a cookie, so of two changes that the
// server makes from the same cookie only one would remain.
function inTurn(task) {
  queue = queue.then(async () => {
    say("", "");
    try {
      await task();
    } catch (error) {
      if (!(error instanceof Problem)) console.error(error);
      say("", error instanceof Problem ? error.message : "This page has a fault.");
    }
  });
  return queue;
}

function say(notice, problem = "") {
  find("#notice").textContent = notice;
  find("#problem").textContent = problem;
}

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function drawing(product) {
  const svgSpace = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(svgSpace, "svg");
  const use = document.createElementNS(svgSpace, "use");
  use.setAttribute("href", `#${product.shape}`);
  svg.dataset.glaze = product.glaze;
  svg.setAttribute("aria-hidden", "true");
  svg.append(use);
  return svg;
}

function productCard(product) {
  const add = element("button", { type: "button" }, "Add to cart");
  add.setAttribute("aria-label", `Add to cart: ${product.name}`);
  add.addEventListener("click", () => inTurn(() => change(product, +1)));
  return element(
    "li",
    {},
    drawing(product),
    element("span", { className: "name" }, product.name),
    element("span", { className: "price" }, euros.format(product.price_cents / 100)),
    add,
  );
}

function cartRow(product) {
  const step = (sign, label, by) => {
    const button = element("button", { type: "button" }, sign);
    button.setAttribute("aria-label", `${label} ${product.name}`);
    button.addEventListener("click", () => inTurn(() => change(product, by)));
    return button;
  };
  const row = element(
    "li",
    {},
    element("span", {}, product.name),
    element(
      "span",
      { className: "stepper" },
      step("−", "One less:", -1),
      element("span", { className: "quantity" }),
      step("+", "One more:", +1),
    ),
    element("span", { className: "sum" }),
  );
  row.dataset.product = product.id;
  return row;
}

// Rows stay the same elements when numbers change, so that the keyboard's focus stays on
// the button that was pressed.
function showCart() {
  const list = find("#cart-items");
  const rows = new Map([...list.children].map((row) => [row.dataset.product, row]));
  let total = 0;
  let count = 0;
  for (const [id, quantity] of Object.entries(visit.cart)) {
    const product = products.get(id);
    if (!product) continue; // no longer sold
    const row = rows.get(id) ?? list.appendChild(cartRow(product));
    rows.delete(id);
    total += product.price_cents * quantity;
    count += quantity;
    row.querySelector(".quantity").textContent = quantity;
    row.querySelector(".sum").textContent = euros.format(
      (product.price_cents * quantity) / 100,
    );
  }
  for (const row of rows.values()) {
    if (row.contains(document.activeElement)) find("#cart-title").focus();
    row.remove();
  }
  find("#cart-count").textContent = count;
  find("#cart-empty").hidden = count > 0;
  find("#cart-total").hidden = count === 0;
  find("#cart-total strong").textContent = euros.format(total / 100);
}

function showVisitor() {
  const signedIn = !visit.is_guest;
  find("#visitor-text").textContent = `You are ${signedIn ? "user" : "guest"} ${visit.id}.`;
  find("#account").hidden = signedIn;
  find("#sign-out").hidden = !signedIn;
  find("#to-visitor").textContent = signedIn ? "Account" : "Sign in";
  document.body.dataset.visitor = signedIn ? "user" : "guest";
}

// The point of it all: the cart moves from one place to the others, and leaves the first.
function showPlaces() {
  const { is_guest, cart, cookie, session } = visit;
  if (is_guest) {
    showPlace("#in-cookie", "Signed by SuperTokens. No script can read it.", cookie);
    showPlace("#in-session", "Nobody is signed in.");
    showPlace("#in-database", "No row. Nothing is written for a guest.");
    return;
  }
  if (cookie) showPlace("#in-cookie", "Still there: it waits for its transfer.", cookie);
  else if (session) showPlace("#in-cookie", "The cookie is gone. It held:", session, true);
  else showPlace("#in-cookie", "No cookie: you were no guest when you signed in.");
  if (session) showPlace("#in-session", "Taken over from the guest, at the login.", session);
  else showPlace("#in-session", "Nothing was taken over.");
  showPlace("#in-database", "Yours now, in every browser.", { cart });
}

function showPlace(id, sentence, content = null, isGone = false) {
  find(`${id} p`).textContent = sentence;
  const shown = find(`${id} pre`);
  shown.textContent = content ? JSON.stringify(content, null, 2) : "";
  shown.classList.toggle("gone", isGone);
}

function show(newVisit) {
  const ended = !visit.is_guest && newVisit.is_guest;
  visit = newVisit;
  showCart();
  showVisitor();
  showPlaces();
  if (ended) say("You are signed out. Sign in again to see your cart.");
}

async function load() {
  show(await ask("GET", "/api/cart"));
}

async function change(product, by) {
  const quantity = (visit.cart[product.id] ?? 0) + by;
  const path = `/api/cart/${encodeURIComponent(product.id)}`;
  const changed = await ask("PUT", path, { quantity });
  say(by > 0 ? `${product.name} is in your cart.` : `One ${product.name} less.`);
  show(changed);
}

async function enter(action) {
  const form = find("#account");
  showFieldProblems([]);
  const hadItems = Object.keys(visit.cart).length > 0;
  const answer = await ask("POST", `/auth/${action}`, {
    formFields: ["email", "password"].map((id) => ({ id, value: form.elements[id].value })),
  });
  if (answer.status === "FIELD_ERROR") {
    showFieldProblems(answer.formFields);
  } else if (answer.status === "WRONG_CREDENTIALS_ERROR") {
    throw new Problem("The e-mail or the password is wrong.");
  } else if (answer.status !== "OK") {
    throw new Problem(answer.reason ?? answer.message ?? "This did not work.");
  } else {
    form.reset();
    await load();
    find("#visitor-title").focus();
    say(hadItems && !visit.cookie ? "Welcome! Your cart came along." : "Welcome!");
  }
}

function showFieldProblems(problems) {
  for (const input of document.querySelectorAll("#account input")) {
    const problem = problems.find(({ id }) => id === input.id)?.error ?? "";
    find(`#${input.id}-problem`).textContent = problem;
    input.setAttribute("aria-invalid", problem !== "");
  }
  find("#account input[aria-invalid='true']")?.focus();
}

async function signOut() {
  await ask("POST", "/auth/signout");
  await load();
  find("#visitor-title").focus();
  say("You are signed out. The next visitor of this browser starts with an empty cart.");
}

find("#account").addEventListener("submit", (event) => {
  event.preventDefault();
  inTurn(() => enter(event.submitter.value));
});
find("#sign-out").addEventListener("click", () => inTurn(signOut));
// Another tab may have signed in or out meanwhile, and "back" shows an old page.
addEventListener("pageshow", (event) => event.persisted && inTurn(load));
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) inTurn(load);
});

inTurn(async () => {
  for (const product of await ask("GET", "/api/products")) {
    products.set(product.id, product);
    find("#products ul").append(productCard(product));
  }
  await load();
  say("Fill a cart without an account. Sign up when you like: it comes along.");
});
