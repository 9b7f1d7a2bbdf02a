/** Turns the heating of rooms on and off, by what their sensors publish, and tells over HTTP how warm they are. */
import type { PubSubBroker, PubSubSubscriber } from "pubsub-cli/worker";

interface Env {
  readonly BROKER: PubSubBroker;
  readonly ROOMS: {
    get(room: string): Promise<string | null>;
    put(room: string, celsius: string): Promise<void>;
  };
}

const COMFORTABLE_CELSIUS = 20;

export default {
  /** Messages of the consumer `readings`. One that cannot be read fails its call: it comes again, and then lies in `unreadable`. */
  async subscribe(messages, env) {
    for (const message of messages) {
      const [, room] = message.topic.split("/");
      const { celsius } = message.json() as { celsius: number };
      const heating = celsius < COMFORTABLE_CELSIUS ? "on" : "off";
      await env.ROOMS.put(room!, String(celsius));
      await env.BROKER.publish(`rooms/${room}/heating`, heating, { retain: true });
      message.ack();
    }
  },

  async fetch(request: Request, env: Env): Promise<Response> {
    const room = new URL(request.url).pathname.slice(1);
    const celsius = await env.ROOMS.get(room);
    return celsius === null
      ? new Response("no such room", { status: 404 })
      : Response.json({ room, celsius: Number(celsius) });
  },
} satisfies PubSubSubscriber<Env> & { fetch: unknown };
