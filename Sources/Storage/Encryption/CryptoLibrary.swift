import CCrypto

/// OpenSSL's libcrypto (3.x, linked statically), initialised once per process, and the algorithms in use.
///
/// - `openssl.cnf` is not read: what the engine does must not depend on a file of the machine, and that file may name
///   shared objects to load into the process.
/// - No clean-up at exit: other threads may be sealing when the process calls `exit`, and libcrypto's clean-up would
///   take the memory away under them.
///
/// `@unchecked Sendable`: fetched algorithm objects are immutable and reference-counted atomically by the library; they
/// are never freed here.
struct CryptoLibrary: @unchecked Sendable {
    static let shared = CryptoLibrary()

    /// AES-256-GCM.
    let cipher: OpaquePointer
    /// AES-256 on single blocks.
    let block: OpaquePointer
    let hmac: OpaquePointer
    let hkdf: OpaquePointer

    private init() {
        let options = UInt64(OPENSSL_INIT_NO_LOAD_CONFIG) | UInt64(OPENSSL_INIT_NO_ATEXIT)
        Self.require(OPENSSL_init_crypto(options, nil) == 1, "start")
        cipher = Self.require(EVP_CIPHER_fetch(nil, "AES-256-GCM", nil), "find AES-256-GCM")
        block = Self.require(EVP_CIPHER_fetch(nil, "AES-256-ECB", nil), "find AES-256-ECB")
        hmac = Self.require(EVP_MAC_fetch(nil, "HMAC", nil), "find HMAC")
        hkdf = Self.require(EVP_KDF_fetch(nil, "HKDF", nil), "find HKDF")
    }

    /// Bytes from the library's generator, seeded by the system's.
    func fillRandom(_ bytes: UnsafeMutableRawBufferPointer) {
        let place = bytes.assumingMemoryBound(to: UInt8.self).baseAddress
        Self.require(RAND_bytes(place, Int32(bytes.count)) == 1, "get random bytes")
    }

    /// The calls made here fail only when memory runs out or they are misused: neither can be handled.
    /// `fatalError`, because a release build prints no message of a failed `precondition`.
    @inline(__always)
    static func require(_ isDone: Bool, _ what: StaticString) {
        if !isDone { fail(what) }
    }

    @inline(__always)
    static func require(_ pointer: OpaquePointer?, _ what: StaticString) -> OpaquePointer {
        guard let pointer else { fail(what) }
        return pointer
    }

    @inline(never)
    private static func fail(_ what: StaticString) -> Never {
        fatalError("libcrypto could not \(what): \(errorText())")
    }

    private static func errorText() -> String {
        let number = ERR_get_error()
        guard number != 0, let reason = ERR_reason_error_string(number) else { return "no reason given" }
        return String(cString: reason)
    }
}

extension OSSL_PARAM {
    /// Every algorithm here works with SHA-256.
    static var sha256: OSSL_PARAM {
        // The library only reads both strings, and literals live for ever.
        let name: StaticString = "SHA256"
        let text = UnsafeMutableRawPointer(mutating: name.utf8Start).assumingMemoryBound(to: CChar.self)
        return OSSL_PARAM_construct_utf8_string(key("digest"), text, 0)
    }

    /// - Parameter bytes: must outlive the parameter's use; only read.
    static func octets(_ name: StaticString, _ bytes: UnsafeRawBufferPointer) -> OSSL_PARAM {
        OSSL_PARAM_construct_octet_string(
            key(name),
            UnsafeMutableRawPointer(mutating: bytes.baseAddress),
            bytes.count
        )
    }

    private static func key(_ name: StaticString) -> UnsafePointer<CChar> {
        UnsafeRawPointer(name.utf8Start).assumingMemoryBound(to: CChar.self)
    }
}
