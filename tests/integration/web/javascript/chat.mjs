// Two people with @xmpp/client: romeo says something and juliet hears it. Arguments: the URL of the WebSocket or of the server.
import { createRequire } from "node:module";
import path from "node:path";

const require = createRequire(path.join(process.cwd(), "package.json"));
const { client, xml } = require("@xmpp/client");
globalThis.WebSocket = require("ws");  // Node before 22 has none
const [service] = process.argv.slice(2);

const start = async (username) => {
  const xmpp = client({ service, domain: "localhost", resource: "js", username, password: "secret" });
  xmpp.on("error", (error) => {
    console.error(username, error);
    process.exit(1);
  });
  await xmpp.start();
  await xmpp.send(xml("presence"));
  return xmpp;
};

const romeo = await start("romeo");
const juliet = await start("juliet");
juliet.on("stanza", async (stanza) => {
  if (!stanza.is("message") || !stanza.getChild("body")) return;
  console.log("heard:", stanza.getChildText("body"), "from", stanza.attrs.from.split("/")[0]);
  const disco = await juliet.iqCaller.get(xml("query", "http://jabber.org/protocol/disco#info"), "localhost");
  console.log("features:", disco.getChildren("feature").length > 5);
  await Promise.all([romeo.stop(), juliet.stop()]);
  process.exit(0);
});
await romeo.send(xml("message", { to: "juliet@localhost", type: "chat" }, xml("body", {}, "But soft! <what light> é 😀")));
