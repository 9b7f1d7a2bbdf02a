/** ws, to be loaded with import(): it is CommonJS, of which a bundle gives a lazy importer no names. */
export { WebSocketServer } from "ws";
