// The oracle of form js: what Node makes of each document. Batches as in json_forms_main.c, one
// answer for each document. Bytes that are not UTF-8 are rejected, a BOM is left to JSON.parse.
'use strict';
const fs = require('fs');

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function readExactly(n) {
  const buffer = Buffer.alloc(n);
  for (let have = 0; have < n;) {
    const got = fs.readSync(0, buffer, have, n - have);
    if (got === 0) return null;
    have += got;
  }
  return buffer;
}

function answer(bytes) {
  try {
    const text = JSON.stringify(JSON.parse(decoder.decode(bytes)));
    const body = Buffer.from(text, 'utf8');
    const head = Buffer.alloc(4);
    head.writeUInt32LE(body.length);
    return Buffer.concat([head, body]);
  } catch (error) {
    return Buffer.from([255, 255, 255, 255]);
  }
}

function writeAll(buffer) {
  for (let done = 0; done < buffer.length;) done += fs.writeSync(1, buffer, done);
}

// A batch is preceded by its size in bytes, to be read in one go.
for (let head; (head = readExactly(8)) !== null;) {
  const batch = readExactly(head.readUInt32LE(0));
  const answers = [];
  for (let at = 0, i = head.readUInt32LE(4); i > 0; i--) {
    const n = batch.readUInt32LE(at);
    answers.push(answer(batch.subarray(at + 4, at + 4 + n)));
    at += 4 + n;
  }
  writeAll(Buffer.concat(answers));
}
