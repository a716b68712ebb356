// A strategy loop for the quant trading API in JavaScript: `node strategy.mjs` (22 or later, no packages), or in a page:
//   <script type="module">import { run } from "./strategy.mjs"; run({ symbol: "ETH/USDT" })</script>
//
// The rule: buy a little at the market. From then on a purchase rests TICKS below the price of the last fill and a sale
// TICKS above it; when one is filled, both are placed anew. Only what was bought is sold, and at most LOTS are held.

const [TICKS, LOTS, READY] = [2n, 5n, 6];
const SHOWN = ["code", "msg", "error_message", "order_no", "status", "side", "price", "quantity"];
const OPTIONS = { url: "ws://127.0.0.1:9878/ws/v1", platform: "paper", symbol: "ETH/USDT", key: "me", secret: "s", quantity: "0.01" };

// Numbers are kept as text, and counted as whole units of 1e-18: no price passes through a binary float.
const decode = (text) => JSON.parse(text.replace(/("(?:[^"\\]|\\.)*")|-?\d[\d.eE+-]*/g, (all, string) => string ?? `"${all}"`));
const encode = (message) => JSON.stringify(message).replace(/"(price|quantity|ts)":"([^"]*)"/g, '"$1":$2');
function units(text) {
  const [, sign, whole, part = "", exponent = "0"] = /^(-?)(\d+)\.?(\d*)(?:[eE]([+-]?\d+))?$/.exec(text);
  const digits = 18 - part.length + Number(exponent);
  return BigInt(sign + whole + part + "0".repeat(Math.max(digits, 0))) / 10n ** BigInt(Math.max(-digits, 0));
}
const decimal = (n) => `${n < 0n ? "-" : ""}${String(n < 0n ? -n : n).padStart(19, "0").replace(/(\d{18})$/, ".$1")}`.replace(/\.?0*$/, "");

/** Trades until `stop()` is called and everything is cancelled; then `done` is fulfilled. `say` gets a line for all that happens. */
export function run(options = {}, say = console.log) {
  const { url, platform, symbol, key, secret, quantity } = { ...OPTIONS, ...options };
  let [socket, token, ready, stopping, requests] = [null, "", false, false, 0];
  let [last, held, tick, size, heard] = [0n, 0n, 0n, 0n, 0]; // last: the price of the last fill; held: bought less sold
  let finish;
  const done = new Promise((resolve) => (finish = resolve));

  function send(op, fields = {}, cid = `${op}-${++requests}`) { // ours to choose; answers come in any order and repeat it
    if (socket?.readyState === WebSocket.OPEN) socket.send(encode({ op, cid, token, ...fields }));
  }

  function connect() {
    if (stopping) return finish();
    [token, ready, heard] = ["", false, Date.now()];
    socket = new WebSocket(url);
    const mine = socket;
    socket.onopen = () => send("login", { platform, symbols: [symbol], access_key: key, secret_key: secret });
    socket.onmessage = (event) => receive(decode(event.data));
    socket.onclose = () => {
      clearInterval(timer);
      if (stopping) return finish();
      say("lost, again in 1 s");
      setTimeout(connect, 1000);
    };
    const timer = setInterval(() => { // after 15 s without a message the server ends the connection
      if (Date.now() - heard > 15_000) return mine.close();
      send("ping", { ts: String(Date.now()) });
      if (ready) send("open_orders", { symbol });
    }, 5000);
  }

  function receive(message) {
    heard = Date.now();
    const { op, cid, topic = "", result, data } = message;
    const told = op === "notify" ? { ...message, ...data } : message;
    if (op !== "pong") say([op, topic, ...SHOWN.filter((name) => told[name]).map((name) => `${name}=${told[name]}`)].join(" "));
    if (op === "login") {
      if (!result) return socket.close(); // "Do not log in repeat": the server has yet to see that a connection is lost
      token = message.token; // the name of this login, which has not succeeded before state 6
    } else if (op === "state") {
      ready = Number(message.code) === READY;
      if (ready) send("symbol_info", { symbol }); // at first, and again after trouble: find out how things are
    } else if (op === "symbol_info" && result) {
      tick = units(data.price_tick);
      size = [units(quantity), units(data.size_limit)].reduce((a, b) => (a > b ? a : b));
      send("asset");
    } else if (op === "asset" && result) {
      say(`free: ${Object.entries(data).map(([currency, { free }]) => `${free} ${currency}`).join(", ")}`);
      send("open_orders", { symbol }, "first");
    } else if (op === "open_orders" && result) {
      if (cid === "first" || !data.length) quote(); // left over from a lost connection; or what we placed was refused
    } else if (op === "cancel_order" && cid === "last") {
      say(`cancelled ${(data ?? []).filter((one) => one.result).length}`);
      send("logout");
    } else if (op === "logout") {
      socket.close();
    } else if (topic === "fill") {
      last = units(data.price);
      held += data.side === "BUY" ? units(data.quantity) : -units(data.quantity);
    } else if (topic === "order" && data.status === "FILLED") {
      quote();
    }
  }

  function quote() { // the rule, see the top
    if (stopping || !ready) return;
    send("cancel_order", { symbol, order_nos: [] }); // none named: all of ours
    const place = (action, price, order_type) =>
      send("place_order", { symbol, action, price: decimal(price), quantity: decimal(size), order_type });
    if (!last) return place("BUY", 0n, "MARKET");
    if (held < LOTS * size) place("BUY", (last / tick - TICKS) * tick, "LIMIT");
    if (held >= size) place("SELL", (last / tick + TICKS) * tick, "LIMIT");
  }

  function stop() { // once more: at once
    if (stopping || !token) socket.close();
    stopping = true;
    send("cancel_order", { symbol, order_nos: [] }, "last");
  }
  connect();
  return { stop, done };
}

if (globalThis.process?.argv[1]?.endsWith("strategy.mjs")) {
  const options = Object.fromEntries(process.argv.slice(2).map((argument) => argument.replace(/^--/, "").split(/=(.*)/s)));
  const strategy = run(options);
  process.on("SIGINT", strategy.stop).on("SIGTERM", strategy.stop);
  if (options.seconds) setTimeout(strategy.stop, 1000 * options.seconds);
  await strategy.done;
  process.exit();
}
