// Verifies messages with the specification's library: a line of JSON each, {secret, headers, body},
// for which it prints the type of the body, or what is wrong.
import { createInterface } from "node:readline";
import { Webhook } from "standardwebhooks";

for await (const line of createInterface({ input: process.stdin })) {
  const { secret, headers, body } = JSON.parse(line);
  try {
    console.log(new Webhook(secret).verify(body, headers).type);
  } catch (error) {
    console.log(`refused: ${error.message}`);
  }
}
