/** Simulated payment terminals: MQTT clients, each with a token for its own topics only. */

export const TERMINALS = [
  { name: "nyc-7", region: "us", currency: "USD", card: "4111111111111111" },
  { name: "ams-2", region: "eu", currency: "EUR", card: "5555555555554444" },
  { name: "sin-4", region: "apac", currency: "SGD", card: "378282246310005" },
];

/** What a terminal's token allows. */
export function topicsOf({ name, region }) {
  return [`transactions/${region}/${name}`, `status/${name}`, `debug/${name}`];
}

/** UTF-8 text (MQTT 5.0 §3.3.2.3.2), so that the hook gets the payload as a string. */
const TEXT = { qos: 1, properties: { payloadFormatIndicator: true, contentType: "application/json" } };

/**
 * Lets a terminal work until `stop()`.
 * @param client connected, of mqtt.js
 * @param roundMs time between two transactions
 * @param onError called when a message could not be published
 */
export function startTerminal(terminal, client, roundMs, onError) {
  const [transactions, status, debug] = topicsOf(terminal);
  const publish = (topic, value) => {
    client.publish(topic, JSON.stringify(value), TEXT, (error) => error && onError(error));
  };
  let round = 0;
  const work = () => {
    const { name, currency, card } = terminal;
    const amount = Math.round(Math.random() * 20_000) / 100;
    publish(transactions, { terminal: name, amount, currency, card, time: new Date().toISOString() });
    if (round % 4 === 0) publish(status, { terminal: name, online: true });
    if (round % 4 === 1) publish(debug, { terminal: name, freeMemory: 1_000_000 + round });
    round++;
  };
  work();
  const timer = setInterval(work, roundMs);
  return { stop: () => clearInterval(timer) };
}
