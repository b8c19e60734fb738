// Reads lines of JSON {publicKey, timestamp, signature, body (base64)} and says of each whether
// SendGrid's own library takes it, one "true" or "false" a line.
const { EventWebhook } = require('@sendgrid/eventwebhook');

const receiver = new EventWebhook();
const lines = require('fs').readFileSync(0, 'utf8').split('\n').filter((line) => line);
for (const line of lines) {
  const { publicKey, timestamp, signature, body } = JSON.parse(line);
  const key = receiver.convertPublicKeyToECDSA(publicKey);
  console.log(receiver.verifySignature(key, Buffer.from(body, 'base64'), signature, timestamp));
}
