// Runs the router fox-wamp on a port of 127.0.0.1 for the tests, 0 standing for
// one that is free, and prints which: anonymous, or with authentication where
// it is given the methods after the port:
//
//   node router.cjs 9000
//   node router.cjs 9000 ticket wampcra
//
// fox-wamp brings the protocol of authentication; who may join it asks of its
// application, which is this file.
'use strict'

const { createHmac } = require('crypto')
const Router = require('fox-wamp')

const port = Number(process.argv[2])
const methods = process.argv.slice(3)
const secrets = { joe: 'joe-secret' }
const challenge = JSON.stringify({ nonce: 'n0nce', authid: 'joe', session: 1 })

const auth = {
  getAuthMethods: () => methods,
  ticket_auth (realm, details, signature, extra, done) {
    done(signature === secrets[details.authid] ? undefined : new Error('wrong ticket'), {})
  },
  wampcra_extra (realm, details, done) {
    done(undefined, { challenge })
  },
  wampcra_auth (realm, details, signature, extra, done) {
    const wanted = createHmac('sha256', secrets[details.authid] || '').update(challenge).digest('base64')
    done(signature === wanted ? undefined : new Error('wrong signature'), {})
  }
}

// The tests keep its standard input open for as long as they live, so that it
// does not outlive them, however they end.
if (process.env.UNTIL_STDIN_ENDS) {
  process.stdin.resume()
  process.stdin.on('end', () => process.exit())
}

const router = new Router()
const server = router.listenWAMP({ host: '127.0.0.1', port }, methods.length ? auth : undefined)
server.on('listening', () => console.log('listening', server.address().port))
