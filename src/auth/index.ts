/** All but the server's own certificates, which are loaded with TLS: local-ca.ts and server-certificates.ts. */
export { createAcl } from "./acl.ts";
export { createApiTokenCheck, generateApiToken, hashApiToken } from "./api-token.ts";
export { issueClientCertificate, readClientCertificate } from "./client-certificate.ts";
export { type SigningKey, currentKey, generateSigningKey } from "./keys.ts";
export { SCRAM_METHOD, ScramExchange, createScramVerifier } from "./scram.ts";
export { filterCovers, filterMatches } from "./topic-filter.ts";
export { TokenVerifier } from "./token-verifier.ts";
export {
  type TokenClaims,
  type TokenExpectations,
  type TokenFailureKind,
  issueToken,
  readUnverifiedToken,
  verifyToken,
} from "./tokens.ts";
