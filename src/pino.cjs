// `require("streamgate/pino")`, which is also how pino finds its target: the function, and the function as `default`.
"use strict";
const { default: pinoTransport } = require("./pino.js");
module.exports = pinoTransport;
module.exports.default = pinoTransport;
