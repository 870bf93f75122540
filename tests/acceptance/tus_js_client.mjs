// Sends a file with the published tus-js-client, the way that a script of a user would.
//
// node tus_js_client.mjs <viewer folder> <what to do> <endpoint> <token> <file> <name>
//
// "resume" gives up in the middle and goes on, "terminate" gives up for good. Prints one JSON object.

import { createReadStream, statSync } from "node:fs";
import { createRequire } from "node:module";

const [viewer, task, endpoint, token, file, name] = process.argv.slice(2);
const { Upload } = createRequire(`${viewer}/package.json`)("tus-js-client");
const CHUNK = 256 * 1024;
const sent = [];

function upload(options) {
  return new Promise((resolve, reject) => {
    const running = new Upload(createReadStream(file), {
      endpoint,
      headers: { Authorization: `Bearer ${token}` },
      metadata: { filename: name },
      uploadSize: statSync(file).size,
      chunkSize: CHUNK,
      retryDelays: null,
      onError: reject,
      onSuccess: () => resolve(running.url),
      ...options(() => running, resolve),
    });
    running.start();
  });
}

const stopAfterFirst = (running, resolve) => ({
  onChunkComplete: (size, accepted) => {
    sent.push(accepted);
    void running().abort(task === "terminate").then(() => resolve(running().url));
  },
});
const url = await upload(stopAfterFirst);
if (task === "resume") {
  await upload(() => ({
    uploadUrl: url,
    onChunkComplete: (size, accepted) => sent.push(accepted),
  }));
}
const answer = await fetch(url, {
  method: "HEAD",
  headers: { Authorization: `Bearer ${token}`, "Tus-Resumable": "1.0.0" },
});
console.log(JSON.stringify({ sent, status: answer.status }));
