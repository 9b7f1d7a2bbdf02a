/** Aedes from npm, as its documentation starts it. Its argument is the port. */
import net from "node:net";
import { Aedes } from "aedes";

const broker = await Aedes.createBroker();
const server = net.createServer({ noDelay: true }, (socket) => void broker.handle(socket));
server.listen({ port: Number(process.argv[2]), host: "127.0.0.1", backlog: 4096 });
