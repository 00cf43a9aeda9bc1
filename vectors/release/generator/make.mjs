// Makes the vectors in this folder with implementations that share nothing with ours. See README.md.
//
//   cd vectors/release/generator && npm ci && node make.mjs

import { Aes256Gcm, CipherSuite, HkdfSha256 } from "@hpke/core";
import { XWing } from "@hpke/hybridkem-x-wing";
import * as crypto from "node:crypto";
import * as fs from "node:fs";

const HERE = new URL("..", import.meta.url);
const bytes = (hex) => Uint8Array.from(Buffer.from(hex, "hex"));
const hex = (data) => Buffer.from(data).toString("hex");
const base64 = (data) => Buffer.from(data).toString("base64");
const text = (words) => new TextEncoder().encode(words);
const sha256 = (data) => crypto.createHash("sha256").update(data).digest();
const concat = (...parts) => Uint8Array.from(Buffer.concat(parts));
const flip = (data, at) => data.map((byte, i) => (i === at ? byte ^ 1 : byte));
// Bytes that anybody can make again: SHAKE128 of a name.
const named = (name, length) =>
  Uint8Array.from(crypto.createHash("shake128", { outputLength: length }).update(name).digest());

// Each field behind its length as an unsigned 32-bit big-endian integer.
function framed(fields) {
  const length = (field) => {
    const prefix = Buffer.alloc(4);
    prefix.writeUInt32BE(field.length);
    return prefix;
  };
  return concat(...fields.flatMap((field) => [length(field), field]));
}

function write(name, vector) {
  fs.writeFileSync(new URL(`${name}.json`, HERE), JSON.stringify(vector, null, 2) + "\n");
}

const kem = new XWing();
const suite = new CipherSuite({ kem, kdf: new HkdfSha256(), aead: new Aes256Gcm() });

async function keyPair(seed) {
  const pair = await kem.generateKeyPairDerand(seed);
  return { ...pair, bytes: new Uint8Array(await kem.serializePublicKey(pair.publicKey)) };
}

// The draft's own inputs (draft-connolly-cfrg-xwing-kem, appendix C: SHAKE128 of nothing, 96 bytes
// each); the outputs are computed here, and the first shared secret is compared with the draft's.
async function xWing() {
  const stream = named("", 3 * 96);
  const published = [
    "d2df0522128f09dd8e2c92b1e905c793d8f57a54c3da25861f10bf4ca613e384",
    "f2e86241c64d60f6649fbc6c5b7d17180b780a3f34355e64a85749949c45f150",
  ];
  for (const i of [0, 1, 2]) {
    const seed = stream.slice(96 * i, 96 * i + 32);
    const eseed = stream.slice(96 * i + 32, 96 * (i + 1));
    const pair = await keyPair(seed);
    const { enc, sharedSecret } = await kem.encap({
      recipientPublicKey: pair.publicKey,
      ekm: eseed.buffer,
    });
    if (i < published.length && hex(sharedSecret) !== published[i]) {
      throw new Error(`X-Wing vector ${i + 1} is not the draft's`);
    }
    write(`x-wing-${i + 1}`, {
      kind: "x-wing",
      expect: "equal",
      why: `appendix C of draft-connolly-cfrg-xwing-kem, vector ${i + 1}`,
      seed: hex(seed),
      eseed: hex(eseed),
      public_key: base64(pair.bytes),
      ciphertext: base64(enc),
      shared_secret: hex(sharedSecret),
    });
  }
}

async function hpkeSeal(pair, ekm, info, aad, plain) {
  const to = { recipientPublicKey: pair.publicKey, info, ekm: ekm.buffer };
  const sender = await suite.createSenderContext(to);
  const ciphertext = new Uint8Array(await sender.seal(plain, aad));
  return { encapsulated: new Uint8Array(sender.enc), ciphertext };
}

async function hpkeOpens(pair, { encapsulated, ciphertext }, info, aad) {
  try {
    const recipient = { recipientKey: pair.privateKey, enc: encapsulated, info };
    await (await suite.createRecipientContext(recipient)).open(ciphertext, aad);
    return true;
  } catch {
    return false;
  }
}

// HPKE alone: the plaintext is pre-shared key and file key, one behind the other.
async function hpke() {
  const seed = named("vectors/release: identity", 32);
  const pair = await keyPair(seed);
  const keys = { pre_shared_key: named("words", 32), file_key: named("file key", 32) };
  const plain = concat(keys.pre_shared_key, keys.file_key);
  const info = text("info");
  const aad = text("associated data");
  const ekm = named("vectors/release: encapsulation", 64);
  const good = await hpkeSeal(pair, ekm, info, aad, plain);
  const other = named("vectors/release: another identity", 32);
  const short = await hpkeSeal(pair, ekm, info, aad, plain.slice(0, 63));
  const long = await hpkeSeal(pair, ekm, info, aad, concat(plain, Uint8Array.of(0)));
  const bare = await hpkeSeal(pair, ekm, new Uint8Array(), new Uint8Array(), plain);
  const cut = (data) => data.slice(0, -1);
  const rows = [
    ["opens", "opens", "the untouched sample", {}],
    ["opens-bare", "opens", "nothing bound", { sealed: bare, info: [], aad: [] }],
    ["other-info", "refused", "other info: another manifest, role or participant", { info: text("inf") }],
    ["other-aad", "refused", "other associated data: another inventory", { aad: text("") }],
    ["other-identity", "refused", "sealed to another identity", { seed: other }],
    ["ciphertext-bit", "refused", "one bit of the ciphertext is flipped",
      { sealed: { ...good, ciphertext: flip(good.ciphertext, 0) } }],
    ["tag-bit", "refused", "one bit of the tag is flipped",
      { sealed: { ...good, ciphertext: flip(good.ciphertext, 79) } }],
    ["ml-kem-bit", "refused", "one bit of the ML-KEM part is flipped: implicit rejection",
      { sealed: { ...good, encapsulated: flip(good.encapsulated, 0) } }],
    ["x25519-bit", "refused", "one bit of the X25519 part is flipped",
      { sealed: { ...good, encapsulated: flip(good.encapsulated, 1088) } }],
    ["encapsulated-cut", "refused", "`enc` is 1120 bytes",
      { sealed: { ...good, encapsulated: cut(good.encapsulated) } }],
    ["ciphertext-cut", "refused", "the last byte is missing",
      { sealed: { ...good, ciphertext: cut(good.ciphertext) } }],
    ["plaintext-short", "refused", "well sealed, but 63 bytes are no two keys", { sealed: short, well: true }],
    ["plaintext-long", "refused", "well sealed, but 65 bytes are no two keys", { sealed: long, well: true }],
  ];
  for (const [name, expect, why, changed] of rows) {
    const row = { seed, info, aad, sealed: good, well: expect === "opens", ...changed };
    const identity = await keyPair(row.seed);
    const [boundInfo, boundAad] = [Uint8Array.from(row.info), Uint8Array.from(row.aad)];
    if ((await hpkeOpens(identity, row.sealed, boundInfo, boundAad)) !== row.well) {
      throw new Error(`${name}: hpke-js does not agree`);
    }
    write(`hpke-${name}`, {
      kind: "hpke",
      expect,
      why,
      seed: hex(row.seed),
      info: hex(row.info),
      associated_data: hex(row.aad),
      encapsulated: base64(row.sealed.encapsulated),
      ciphertext: base64(row.sealed.ciphertext),
      ...(expect === "opens" && { pre_shared_key: hex(keys.pre_shared_key), file_key: hex(keys.file_key) }),
    });
  }
}

// An Ed25519 key of a 32-byte seed (RFC 8032), by OpenSSL.
function signer(seed) {
  const der = concat(bytes("302e020100300506032b657004220420"), seed);
  const key = crypto.createPrivateKey({ key: Buffer.from(der), format: "der", type: "pkcs8" });
  const spki = crypto.createPublicKey(key).export({ format: "der", type: "spki" });
  return { public: Uint8Array.from(spki.subarray(-32)), sign: (data) => crypto.sign(null, data, key) };
}

function ed25519() {
  for (const [name, message] of [["empty", new Uint8Array()], ["long", named("message", 1000)]]) {
    const seed = named(`ed25519 ${name}`, 32);
    const key = signer(seed);
    const signature = key.sign(message);
    const why = `a signature over ${message.length} bytes`;
    const shared = { kind: "ed25519", seed: hex(seed), public_key: hex(key.public), message: hex(message) };
    write(`ed25519-${name}`, { ...shared, expect: "valid", why, signature: hex(signature) });
    const forged = flip(Uint8Array.from(signature), 63);
    write(`ed25519-${name}-forged`, {
      ...shared, expect: "refused", why: "one bit of the signature is flipped", signature: hex(forged),
    });
  }
}

function words() {
  for (const [name, spoken] of [["three", ["abandon", "ability", "able"]], ["other", ["zoo", "zone", "zero"]]]) {
    const uuid = named(`computation ${name}`, 16);
    const key = crypto.pbkdf2Sync(spoken.join(""), sha256(uuid), 390_000, 32, "sha256");
    write(`words-${name}`, {
      kind: "safety-words",
      expect: "equal",
      why: "PBKDF2-HMAC-SHA256(words without separators, SHA-256(uuid), 390,000 rounds, 32 bytes)",
      words: spoken.join("-"),
      uuid: hex(uuid),
      pre_shared_key: hex(key),
    });
  }
}

// A whole key release, and what it is made of. The inventory is written by hand in its canonical form
// (RFC 8785), so that this needs no implementation of it.
async function keyRelease() {
  const identitySeed = named("vectors/release: identity", 32);
  const identity = signer(named("vectors/release: identity's signing key", 32));
  const pair = await keyPair(identitySeed);
  const participant = signer(named("vectors/release: participant", 32));
  const uuid = bytes("0f0e0d0c0b0a49088706050403020100");
  const computation = "0f0e0d0c-0b0a-4908-8706-050403020100";
  const manifest = sha256("manifest");
  const keys = { pre_shared_key: named("words", 32), file_key: named("file key", 32) };
  const digest = (name) => hex(sha256(name));
  const file = (name, size, at) =>
    `{"name":${JSON.stringify(name)},"sha256":"${digest(name)}","size":${size},"uploaded_at":${at}}`;
  const listed = `[${file("patients.csv", 65536, 1700000000000)},${file("régions 2.csv", 57, 1700000000001)}]`;

  async function make(name, role, inventory, changed = {}) {
    const purpose = text("sealroom/key-release/v1");
    const infoFields = [purpose, manifest, text(role), participant.public];
    const info = framed(infoFields);
    const aad = sha256(inventory);
    const plain = concat(keys.pre_shared_key, keys.file_key);
    const sealedTo = changed.sealedTo ?? pair;
    const ekm = named(`vectors/release: ${name}`, 64);
    const { encapsulated, ciphertext } = await hpkeSeal(sealedTo, ekm, info, Uint8Array.from(aad), plain);
    const signedFields = [
      purpose, uuid, text(role), participant.public, manifest, identity.public, encapsulated, ciphertext, aad,
    ];
    const signed = framed(signedFields);
    const release = {
      computation,
      role,
      participant: hex(participant.public),
      manifest: hex(manifest),
      identity: hex(identity.public),
      encapsulated: base64(encapsulated),
      ciphertext: base64(ciphertext),
      inventory: JSON.parse(inventory),
      signature: hex(participant.sign(signed)),
    };
    const refused = changed.refusal;
    write(`key-release-${name}`, {
      kind: "key-release",
      expect: refused ? "refused" : "opens",
      ...(refused && { refusal: refused }),
      why: changed.why ?? `a ${role}'s release`,
      identity_seed: hex(identitySeed),
      expected: {
        computation, role, participant: hex(participant.public), manifest: hex(manifest),
        identity: hex(identity.public), ...changed.expected,
      },
      composition: {
        info_fields: infoFields.map(hex),
        info: hex(info),
        canonical_inventory: inventory,
        associated_data: hex(aad),
        signed_fields: signedFields.map(hex),
        signed_sha256: hex(sha256(signed)),
      },
      release: { ...release, ...changed.release?.(release) },
      ...(!refused && { pre_shared_key: hex(keys.pre_shared_key), file_key: hex(keys.file_key) }),
    });
  }

  await make("data-provider", "DataProvider", listed);
  await make("code-provider", "CodeProvider", "[]");
  await make("result-consumer", "ResultConsumer", "[]");
  const elsewhere = (field, value, what) =>
    make(`other-${field}`, "CodeProvider", "[]", {
      refusal: `the key was released for another ${field}`, why: what, expected: { [field]: value },
    });
  await elsewhere("computation", "0f0e0d0c-0b0a-4908-8706-050403020101", "shown to another computation");
  await elsewhere("manifest", digest("another manifest"), "for a manifest that no longer stands");
  await elsewhere("identity", digest("another identity"), "for an identity that no longer stands");
  await elsewhere("participant", digest("another participant"), "by somebody else");
  await elsewhere("role", "ResultConsumer", "as what the participant is not");
  const signature = "the release is not signed by the participant's registered key";
  await make("dropped-file", "DataProvider", listed, {
    refusal: signature, why: "the host dropped a file", release: (r) => ({ inventory: r.inventory.slice(0, 1) }),
  });
  await make("swapped-files", "DataProvider", listed, {
    refusal: signature, why: "the host swapped two files",
    release: (r) => ({ inventory: r.inventory.toReversed() }),
  });
  await make("altered-ciphertext", "CodeProvider", "[]", {
    refusal: signature, why: "the host altered the sealed keys",
    release: (r) => ({ ciphertext: base64(flip(Buffer.from(r.ciphertext, "base64"), 0)) }),
  });
  await make("no-file", "DataProvider", "[]", {
    refusal: "the inventory lists no file", why: "a data provider without data",
  });
  await make("files-of-a-consumer", "ResultConsumer", listed, {
    refusal: "the inventory lists files, but only a data provider has some", why: "a consumer with data",
  });
  await make("sealed-elsewhere", "CodeProvider", "[]", {
    refusal: "the released key does not open with this identity",
    why: "well signed, but sealed to another identity's key",
    sealedTo: await keyPair(named("vectors/release: another identity", 32)),
  });
}

for (const old of fs.readdirSync(HERE).filter((name) => name.endsWith(".json"))) {
  fs.unlinkSync(new URL(old, HERE));
}
await xWing();
await hpke();
ed25519();
words();
await keyRelease();
