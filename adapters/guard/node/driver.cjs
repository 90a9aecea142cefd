// @ts-nocheck
test('a call is tried', async () => {
  const {run} = require(process.env.TITER_REPLAY_PROGRAM);
  await run({load: file => require(file), again: () => jest.resetModules()});
}, 3600000);
