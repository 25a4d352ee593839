// Runs the router fox-wamp for the tests on a port of 127.0.0.1, and prints the
// port. Port 0 stands for a free one. If methods follow the port, sessions must
// authenticate:
//
//   node router.cjs 9000
//   node router.cjs 9000 ticket wampcra
//
// fox-wamp implements the protocol of authentication. It asks its application,
// which is this file, who may join.
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

// The tests keep the standard input open until they end, so that this process ends
// with them.
if (process.env.UNTIL_STDIN_ENDS) {
  process.stdin.resume()
  process.stdin.on('end', () => process.exit())
}

const router = new Router()
const server = router.listenWAMP({ host: '127.0.0.1', port }, methods.length ? auth : undefined)
server.on('listening', () => console.log('listening', server.address().port))
