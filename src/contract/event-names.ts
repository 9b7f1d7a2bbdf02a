/** Words of events.ts that the command line offers as choices. Plain data, so that this does not load zod. */

/** Events that can be asked for; `lost` comes whenever there is need. */
export const eventNames = [
  "connect",
  "refuse",
  "disconnect",
  "subscribe",
  "unsubscribe",
  "publish",
  "hook",
  "hook-circuit",
  "deliver",
  "drop",
  "expire",
] as const;

/** Why events are missing. */
export const lostReasons = ["slow-reader", "not-kept"] as const;

/** What became of a message for one client. */
export const deliveryOutcomes = ["delivered", "waiting", "not-delivered", "unknown"] as const;

/** What a hook decided about a message. */
export const verdicts = ["passed", "modified", "dropped", "rejected"] as const;
