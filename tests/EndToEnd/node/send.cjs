// Sends the mails that stand in standard input, as JSON {client, baseUrl, key, mails}, by SendGrid's own library (sendgrid) or by
// Nodemailer with its transport for SendGrid (nodemailer). Says how many were taken.
const { client, baseUrl, key, mails } = JSON.parse(require('fs').readFileSync(0, 'utf8'));

// Nothing leaves the machine, also when a library forgets where it was told to send.
require('dns').lookup = (name, options, callback) => (callback || options)(new Error(`${name} is not this machine`));

async function sendgrid() {
  const mail = require('@sendgrid/mail');
  mail.setApiKey(key);
  mail.client.setDefaultRequest('baseUrl', baseUrl);
  for (const { from, to, subject, text, html, files, calendar } of mails) {
    await mail.send({
      // The library makes content of text and html, and puts it beside what is given.
      from, to, subject, html,
      text: calendar ? undefined : text,
      content: calendar && [{ type: 'text/plain', value: text }, { type: calendar.type, value: Buffer.from(calendar.content, 'base64').toString() }],
      attachments: files && files.map((file) => ({
        content: file.content, filename: file.filename, type: file.type, disposition: file.disposition, content_id: file.contentId,
      })),
    });
  }
}

async function nodemailer() {
  const transport = require('nodemailer').createTransport(require('nodemailer-sendgrid')({ apiKey: key }));
  // The transport has a library of its own, and no way to say where SendGrid is. After the key, which sets it back.
  require(require.resolve('@sendgrid/mail', { paths: [require.resolve('nodemailer-sendgrid')] })).client.setDefaultRequest('baseUrl', baseUrl);
  for (const { from, to, subject, text, html, files, calendar } of mails) {
    const all = [...(files || []), ...(calendar ? [{ ...calendar, filename: 'invite.ics' }] : [])];
    await transport.sendMail({
      from, to, subject, text, html,
      attachments: all.map((file) => ({
        // As octets: a text would be sent as it is, which is not base64.
        content: Buffer.from(file.content, 'base64'), filename: file.filename, contentType: file.type,
        cid: file.disposition === 'inline' ? file.contentId : undefined,
      })),
    });
  }
}

({ sendgrid, nodemailer })[client]().then(
  () => console.log(mails.length),
  (problem) => {
    console.error(problem.message, JSON.stringify(problem.response && problem.response.body));
    process.exit(1);
  });
