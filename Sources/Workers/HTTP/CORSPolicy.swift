/// The CORS headers of one configuration (http.md §14). CORS never blocks a request: an origin that isn't allowed only
/// lacks its header.
struct CORSPolicy: Sendable {
    private enum Origins {
        case any
        case listed([String])
    }

    private let origins: Origins
    private let methods: String
    /// Only without any configuration.
    private let exposesHeaders: Bool

    static let vary = "origin, access-control-request-method, access-control-request-headers"

    /// `configuration` nil: everything is allowed.
    init(_ configuration: HTTPConfiguration.CORS?) {
        guard let configuration else {
            origins = .any
            methods = "*"
            exposesHeaders = true
            return
        }
        let allowed = configuration.allowedOrigins
        origins = allowed.isEmpty || allowed.contains("*") ? .any : .listed(allowed.filter(ResponseHeaders.isValue))
        let tokens = configuration.allowedMethods.filter(ResponseHeaders.isToken)
        methods = tokens.isEmpty ? "*" : tokens.joined(separator: ",")
        exposesHeaders = false
    }

    /// Adds the headers; same-named ones of the handler give way, `vary` is appended. `origin` is the request's.
    func apply(to headers: inout ResponseHeaders, origin: String?, isPreflight: Bool) {
        if let allowed = allowedOrigin(origin) { set("access-control-allow-origin", allowed, &headers) }
        if isPreflight {
            set("access-control-allow-methods", methods, &headers)
            set("access-control-allow-headers", "*", &headers)
        } else if exposesHeaders {
            set("access-control-expose-headers", "*", &headers)
        }
        headers.add("vary", Self.vary)
    }

    private func allowedOrigin(_ origin: String?) -> String? {
        switch origins {
        case .any: "*"
        case .listed(let list): origin.flatMap { origin in list.first { $0.utf8.elementsEqual(origin.utf8) } }
        }
    }

    private func set(_ name: String, _ value: String, _ headers: inout ResponseHeaders) {
        if headers.contains(name) { headers.remove(name) }
        headers.add(name, value)
    }
}
