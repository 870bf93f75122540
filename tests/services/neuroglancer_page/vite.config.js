import { fileURLToPath } from "node:url";

const icon = fileURLToPath(new URL("./icon.svg", import.meta.url));

// vite finds workers only where there is no comment within what starts them
const withoutComments = () => ({
  name: "without-comments-in-workers",
  enforce: "pre",
  transform: (code) =>
    code.includes("webpackChunkName") ? code.replaceAll(/\/\* webpackChunkName.*?\*\//g, "") : null,
});

export default {
  root: fileURLToPath(new URL(".", import.meta.url)),
  base: "./",
  plugins: [withoutComments()],
  // icons of Neuroglancer are at GitHub, and not in the registry of packages
  resolve: { alias: [{ find: /^ikonate\/icons\/[a-z-]+\.svg/, replacement: icon }] },
  worker: { format: "es", plugins: () => [withoutComments()] },
  build: { target: "esnext", minify: false, reportCompressedSize: false },
};
