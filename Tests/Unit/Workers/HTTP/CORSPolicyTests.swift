import Testing

@testable import Workers

/// http.md §14, row by row.
@Suite struct CORSPolicyTests {
    private func headers(
        _ cors: HTTPConfiguration.CORS?,
        origin: String?,
        isPreflight: Bool,
        handler: [(String, String)] = []
    ) -> [String] {
        var headers = ResponseHeaders()
        for (name, value) in handler { headers.add(name, value) }
        CORSPolicy(cors).apply(to: &headers, origin: origin, isPreflight: isPreflight)
        return headers.fields.map { "\($0.name)=\($0.value)" }.sorted()
    }

    private let vary = "vary=\(CORSPolicy.vary)"

    @Test func unconfigured() {
        let (origin, methods) = ("access-control-allow-origin=*", "access-control-allow-methods=*")
        #expect(headers(nil, origin: nil, isPreflight: false) == [origin, "access-control-expose-headers=*", vary])
        #expect(
            headers(nil, origin: "http://a", isPreflight: true) == [
                "access-control-allow-headers=*", methods, origin, vary,
            ]
        )
    }

    @Test(arguments: [[], ["*"], ["http://a", "*"]])
    func anyOrigin(_ origins: [String]) {
        let cors = HTTPConfiguration.CORS(allowedOrigins: origins, allowedMethods: ["get", "PO ST", "PUT"])
        #expect(headers(cors, origin: nil, isPreflight: false) == ["access-control-allow-origin=*", vary])
        #expect(
            headers(cors, origin: nil, isPreflight: true) == [
                "access-control-allow-headers=*", "access-control-allow-methods=get,PUT",
                "access-control-allow-origin=*", vary,
            ]
        )
    }

    @Test(arguments: [
        (["http://a", "http://b"], "http://b", true), (["http://a"], "http://A", false),
        (["http://a"], "http://a/", false),
        (["http://a"], nil, false), (["bad\n"], "bad\n", false),
    ])
    func listedOrigins(_ origins: [String], _ origin: String?, _ isAllowed: Bool) {
        let found = headers(.init(allowedOrigins: origins), origin: origin, isPreflight: false)
        #expect(found == (isAllowed ? ["access-control-allow-origin=\(origin ?? "")", vary] : [vary]))
    }

    @Test func handlerHeadersGiveWayAndVaryIsAppended() {
        let own = [("access-control-allow-origin", "x"), ("vary", "accept"), ("access-control-max-age", "5")]
        #expect(
            headers(.init(), origin: nil, isPreflight: false, handler: own) == [
                "access-control-allow-origin=*", "access-control-max-age=5", "vary=accept", vary,
            ]
        )
    }
}
