/** What becomes of messages, for `pubsub explain`: why somebody got one, or did not. */

/** Why a client got a message, or did not, besides the reasons for drops: `pubsub explain message`. */
export const deliveryExplanations: Readonly<Record<string, string>> = {
  delivered: "The message was sent to the client. With QoS 1 and 2 it is sent again until the client acknowledges it.",
  waiting: "The message waits in the client's queue: the client is away, or has not acknowledged earlier ones.",
  "waiting-for-hook": "The hook has not decided about the message yet: `pubsub hook show`, `pubsub tail --event hook`.",
  expired: "The message expiry interval was over before the message could be sent.",
  "no-session":
    "The client has no session: it never connected, or its session ended when it left. A session outlives its connection only if the client asks for that.",
  "connected-later":
    "The client's session began after the message was published. Retained messages reach those who come later.",
  "no-subscription":
    "None of the client's topic filters matches: + stands for one whole level, # for all the rest. `pubsub session describe` lists them.",
  "subscribed-later":
    "The client subscribed after the message was published. Retained messages reach those who come later.",
  "subscription-refused":
    "The client asked for a filter that matches, and the broker refused it: see SUBACK. `pubsub token inspect` shows what a token allows.",
  "no-local":
    "The client published the message itself, and subscribed with No Local: its own messages do not come back.",
  "shared-elsewhere": "The client shares the subscription with others ($share/…), and another member got the message.",
  "offline-qos0":
    "The client was away, and messages of QoS 0 (the lower one of publisher and subscription) do not wait.",
  unknown: "Nothing that is known says why: it may have happened when nobody watched, or the session changed since.",
};

/** Why a message reached nobody, or not somebody: `reason` of hook and drop events. */
export const dropExplanations: Readonly<Record<string, string>> = {
  "hook-dropped": "The hook's answer leaves the message out: it was meant to be dropped.",
  "hook-changed-topic": "The hook's answer has the message with another topic, which a hook cannot change.",
  "hook-invalid-message": "The payload, content type or indicator in the hook's answer cannot be published.",
  "hook-invalid-answer":
    "The hook's answer is not a JSON array of messages. `pubsub tail --event hook` shows the detail.",
  "hook-answer-too-large": "The hook's answer is larger than 16 MiB and the size of the request.",
  "hook-status": "The hook answered with another status than 200. Redirects are not followed.",
  "hook-timeout": "The hook gave no complete answer in time: ten seconds, unless `pubsub hook show` says otherwise.",
  "hook-unreachable": "No connection to the hook, or it broke. Is it running, and is the URL right?",
  "hook-circuit-open":
    "The hook failed too often in a row, and its circuit breaker keeps it from being asked for a while: `pubsub hook show`.",
  "hook-stopped": "The broker stopped, or was deleted, while the message waited for the hook.",
  "hook-overloaded": "More messages wait for the hook than may: it is too slow for what is published.",
  "queue-full": "The subscriber is slower than what is published for it, and its queue is full (see docs/limits.md).",
  loop: "Workers have published it because of messages that they published themselves, eight in a row: that is taken for a loop.",
  "slow-consumer":
    "The subscriber does not read as fast as is published for it; messages of QoS 0 do not wait for it (see docs/limits.md).",
  "packet-too-large": "The packet would be larger than the subscriber said in CONNECT that it takes.",
  "rejected-by-client":
    "The subscriber answered the message with a reason code of failure; a Worker's consumer does so after its last retry.",
  "retained-quota": "The broker keeps as many retained messages, or bytes of them, as it may (see docs/limits.md).",
};
