// What `require("streamgate")` gives: the very module that `import` gives. Node takes it by itself; tools that ask for CommonJS get this file.
"use strict";
module.exports = require("./index.js");
