// Autobahn|JS or wampy as the other client of the tests.
//
//   node client.mjs autobahn|wampy URL json|msgpack|cbor [AUTHID METHOD SECRET]
//
// It does the same as client.py, under the name com.peer, and prints "ready" when it
// is ready.
import { createRequire } from 'node:module'
import WebSocket from 'ws'

const require = createRequire(import.meta.url)
const [library, url, serializer, authid, method, secret] = process.argv.slice(2)
const realm = 'realm1'
globalThis.WebSocket ??= WebSocket // built into Node since version 22

// The tests keep the standard input open until they end.
if (process.env.UNTIL_STDIN_ENDS) {
  process.stdin.resume()
  process.stdin.on('end', () => process.exit())
}

/** A WAMP error, in the words of neither library. */
class Failure extends Error {
  constructor (uri, args, kwargs) {
    super(uri)
    Object.assign(this, { uri, args, kwargs })
  }
}

const heard = []
const waiting = []
const procedures = {
  add: ([a, b]) => [a + b],
  echo: args => args,
  fail: ([reason]) => { throw new Failure('com.peer.error', [reason], { code: 7 }) },
  count: ([n], progress) => {
    for (let i = 0; i < n; i++) progress([i])
    return [n]
  },
  hear: () => heard.length ? heard.shift() : new Promise(resolve => waiting.push(resolve)),
  do_call: async ([procedure, ...args]) => {
    const seen = []
    try {
      const result = await peer.call(procedure, args, progress => seen.push(progress))
      return ['result', result, seen]
    } catch (error) {
      return [error.uri, ...error.args]
    }
  },
  do_publish: async ([topic, ...args]) => { await peer.publish(topic, args); return [1] }
}
const onEvent = args => waiting.length ? waiting.shift()(args) : heard.push(args)

async function autobahn () {
  const { default: library } = await import('autobahn')
  const key = method === 'cryptosign' && library.nacl.sign.keyPair.fromSeed(Uint8Array.from(Buffer.from(secret, 'hex')))
  const auth = authid && {
    authmethods: [method],
    authid,
    ...(key && { authextra: { pubkey: library.auth_cryptosign.public_key(key) } }),
    onchallenge: (session, challenged, extra) => key
      ? library.auth_cryptosign.sign_challenge(key, extra)
      : library.auth_cra.sign(library.auth_cra.derive_key(secret, extra.salt, extra.iterations, extra.keylen), extra.challenge)
  }
  const Serializer = { json: 'JSONSerializer', msgpack: 'MsgpackSerializer', cbor: 'CBORSerializer' }[serializer]
  const [, host, port] = url.match(/^rs:..(.*):(.*)$/) ?? []
  const transport = host
    ? { type: 'rawsocket', host, port: Number(port) }
    : { type: 'websocket', url, serializers: [new library.serializer[Serializer]()] }
  const connection = new library.Connection({ realm, transports: [transport], max_retries: 0, ...auth })
  const session = await new Promise((resolve, reject) => {
    connection.onopen = resolve
    connection.onclose = (reason, details) => reject(new Error(reason + ' ' + JSON.stringify(details)))
    connection.open()
  })
  const values = result => result instanceof library.Result ? result.args : [result]
  return {
    call: async (procedure, args, onProgress) => {
      try {
        return values(await session.call(procedure, args, {}, { receive_progress: true }).then(undefined, undefined, r => onProgress(r)))[0]
      } catch (error) {
        throw new Failure(error.error, error.args, error.kwargs)
      }
    },
    publish: (topic, args) => session.publish(topic, args, {}, { acknowledge: true }),
    subscribe: topic => session.subscribe(topic, args => onEvent(args)),
    register: (name, fn) => session.register(name, async (args, _, details) => {
      try {
        return new library.Result(await fn(args, values => details.progress(values)))
      } catch (error) {
        throw error instanceof Failure ? new library.Error(error.uri, error.args, error.kwargs) : error
      }
    })
  }
}

async function wampy () {
  const { Wampy } = await import('wampy')
  const codecs = {
    json: async () => new (await import('wampy/JsonSerializer.js')).JsonSerializer(),
    msgpack: async () => new (await import('wampy/MsgpackSerializer.js')).MsgpackSerializer(),
    cbor: async () => new (await import('wampy/CborSerializer.js')).CborSerializer()
  }
  const auth = authid && {
    authid,
    authmethods: [method],
    ...(method === 'cryptosign' && { authextra: { pubkey: publicKey(secret) } }),
    onChallenge: method === 'cryptosign'
      ? (await import('wampy/cryptosign.js')).sign(secret)
      : (await import('wampy/wampcra.js')).sign(secret)
  }
  const session = new Wampy(url, { realm, ws: WebSocket, serializer: await codecs[serializer](), autoReconnect: false, ...auth })
  await session.connect()
  return {
    call: async (procedure, args, onProgress) => {
      try {
        const result = await session.call(procedure, args, { progress_callback: r => onProgress(r.argsList[0]) })
        return result.argsList[0]
      } catch (error) {
        throw new Failure(error.errorUri, error.argsList ?? [], error.argsDict)
      }
    },
    publish: (topic, args) => session.publish(topic, args, { acknowledge: true }),
    subscribe: topic => session.subscribe(topic, ({ argsList }) => onEvent(argsList)),
    register: (name, fn) => session.register(name, async ({ argsList, result_handler: answer, error_handler: refuse }) => {
      const progress = values => answer({ argsList: values, options: { progress: true } })
      try {
        return { argsList: await fn(argsList ?? [], progress) }
      } catch (error) {
        if (!(error instanceof Failure)) throw error
        refuse({ error: error.uri, argsList: error.args, argsDict: error.kwargs })
      }
    })
  }
}

function publicKey (seed) {
  const { createPrivateKey, createPublicKey } = require('node:crypto')
  const header = Buffer.from('302e020100300506032b657004220420', 'hex') // PKCS #8's
  const key = createPrivateKey({ key: Buffer.concat([header, Buffer.from(seed, 'hex')]), format: 'der', type: 'pkcs8' })
  return createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-32).toString('hex')
}

const peer = await { autobahn, wampy }[library]()
for (const [name, fn] of Object.entries(procedures)) await peer.register('com.peer.' + name, fn)
await peer.subscribe('com.go.news')
console.log('ready')
