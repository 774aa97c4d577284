// feed.js
