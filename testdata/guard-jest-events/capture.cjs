// Captures what the real @sentry/node sends when the shop crashes, with its integration for local variables and without:
//
//     node testdata/guard-jest-events/capture.cjs [/srv/shop]
//
// The folder is where ../guard-jest-shop is copied to and run, so that no path of the machine gets into the files; it is deleted before and after.
'use strict';

const {execFileSync, spawn} = require('child_process');
const fs = require('fs');
const http = require('http');
const path = require('path');

const place = process.argv[2] || '/srv/shop';

async function served(how) {
  const bodies = [];
  const server = http.createServer((request, response) => {
    const parts = [];
    request.on('data', part => parts.push(part)).on('end', () => {
      bodies.push(Buffer.concat(parts));
      response.setHeader('Content-Type', 'application/json').end('{}');
    });
  });
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve));
  const dsn = `http://public@127.0.0.1:${server.address().port}/1`;
  const service = spawn('node', ['service.cjs', dsn, how], {cwd: place, stdio: 'inherit', env: {PATH: process.env.PATH, HOME: process.env.HOME}});
  await new Promise(resolve => service.on('exit', resolve));
  server.close();
  const own = bodies.find(body => body.includes('"exception"'));
  fs.writeFileSync(path.join(__dirname, `${how}.envelope`), own);
}

async function main() {
  fs.rmSync(place, {recursive: true, force: true});
  fs.cpSync(path.join(__dirname, '../guard-jest-shop'), place, {recursive: true});
  for (const file of ['package.json', 'service.cjs']) fs.copyFileSync(path.join(__dirname, file), path.join(place, file));
  try {
    execFileSync('npm', ['install', '--silent', '--no-audit', '--no-fund'], {cwd: place, stdio: 'inherit'});
    for (const how of ['locals', 'bare']) await served(how);
  } finally {
    fs.rmSync(place, {recursive: true, force: true});
  }
}

main();
