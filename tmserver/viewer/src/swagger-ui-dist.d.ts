// The bundle for modules has no types of its own; it takes what the bundle for scripts takes.
declare module 'swagger-ui-dist/swagger-ui-es-bundle' {
  import { SwaggerUIBundle } from 'swagger-ui-dist';
  export default SwaggerUIBundle;
}
