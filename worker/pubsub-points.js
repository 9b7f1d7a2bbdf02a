/**
 * Takes the points of all Workers that `pubsub dev` runs, and hands them to the server: one request at a time, each with all
 * that has come since. So writing never waits, and under load the batches grow.
 */

/** Points that wait; of more, the new ones are not kept. */
const WAITING_MAX = 100_000;

const queue = { points: [], remarks: [], isSending: false };

async function send(host) {
  queue.isSending = true;
  try {
    while (queue.points.length > 0 || queue.remarks.length > 0) {
      const { points, remarks } = queue;
      Object.assign(queue, { points: [], remarks: [] });
      await host.fetch("http://host/", { method: "POST", body: JSON.stringify({ points, remarks }) });
    }
  } finally {
    queue.isSending = false;
  }
}

export default {
  async fetch(request, { HOST: host }, context) {
    if (request.method === "GET") {
      // The server is about to stop: it wants what is on its way.
      while (queue.isSending) await scheduler.wait(1);
      await send(host);
      return new Response();
    }
    const { points, remarks } = await request.json();
    if (queue.points.length + points.length <= WAITING_MAX) queue.points.push(...points);
    else remarks.push(`${WAITING_MAX} points of Analytics Engine wait for the server: further ones are not kept`);
    queue.remarks.push(...remarks);
    if (!queue.isSending) context.waitUntil(send(host));
    return new Response();
  },
};
