import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';

export default defineConfig({
  // Relative addresses, so that the server may also run below a path prefix.
  base: './',
  plugins: [svelte()],
  build: {
    target: 'es2022',
    // The colours of the page are light-dark() ones, which must not be taken apart.
    cssTarget: ['chrome123', 'firefox120', 'safari17.5'],
    rolldownOptions: { input: ['index.html', 'reference.html'] },
    // Every asset is a file of its own: the content security policy needs no data: addresses.
    assetsInlineLimit: 0,
    // OpenLayers and the API reference are each above the default warning limit.
    chunkSizeWarningLimit: 1800,
  },
  server: {
    // `npm run dev` shows a running tmserver; TM_SERVER names another address.
    proxy: Object.fromEntries(
      ['/api', '/auth'].map((path) => [path, process.env.TM_SERVER ?? 'http://127.0.0.1:8002']),
    ),
  },
});
