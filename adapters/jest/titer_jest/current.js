'use strict';
// The call of jest that this process makes: jest loads the reporter and the filter by their paths, and they find it here.

module.exports = {session: null};
