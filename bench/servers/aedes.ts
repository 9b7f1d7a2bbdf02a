/** Aedes from npm, as its documentation starts it. Prints its port. */
import net from "node:net";
import { Aedes } from "aedes";

const broker = await Aedes.createBroker();
const server = net.createServer({ noDelay: true }, (socket) => void broker.handle(socket));
server.listen(0, "127.0.0.1", () => console.log((server.address() as net.AddressInfo).port));
