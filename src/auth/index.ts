export { createAcl } from "./acl.ts";
export { createApiTokenCheck, generateApiToken, hashApiToken } from "./api-token.ts";
export { issueClientCertificate, readClientCertificate } from "./client-certificate.ts";
export { type SigningKey, currentKey, generateSigningKey } from "./keys.ts";
export { LocalCa } from "./local-ca.ts";
export { SCRAM_METHOD, ScramExchange, createScramVerifier } from "./scram.ts";
export { type CertificateFiles, FileCertificates, LocalCertificates } from "./server-certificates.ts";
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
