/** An on-publish hook that lets every message pass. Its argument is the port. */
import { createServer } from "node:http";

createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    const messages = JSON.parse(Buffer.concat(chunks).toString()) as { mid: number }[];
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify(messages.map(({ mid }) => ({ mid }))));
  });
}).listen(Number(process.argv[2]), "127.0.0.1");
