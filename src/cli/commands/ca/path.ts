import { type CaOptions, addCaOptions, findCaFile } from "../../server/ca-file.ts";
import { defineCommand } from "../../command.ts";

export default defineCommand<CaOptions>({
  examples: ["ca path", '$ mosquitto_sub --cafile "$(pubsub ca path)" -h localhost -p 8883 …'],

  configure(command) {
    command.description("Print the path of the certificate (PEM) that clients have to trust to use TLS.");
    addCaOptions(command);
  },

  async run(context, _args, options) {
    const path = findCaFile(context, options);
    context.output.document({ path }, `${path}\n`);
  },
});
