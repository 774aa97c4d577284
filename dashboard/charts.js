// charts.js
