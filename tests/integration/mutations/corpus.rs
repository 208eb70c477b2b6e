//! What Okta, Entra ID, their suites and others send, word for word.

pub const FILTERS: &[&str] = &[
    r#"userName eq "Test_User_00aa""#,
    r#"externalId eq jyoung"#,
    r#"emails[type eq "work"].value eq "a@b""#,
    r#"id eq "2819c223" and manager eq "m1""#,
    r#"id eq "g1" and members eq "u1""#,
    r#"displayName eq "G""#,
    r#"active eq true and (meta.lastModified ge "2024-01-01T00:00:00Z" and meta.lastModified le "2024-12-31T00:00:00Z")"#,
    r#"roles[primary eq "True"].value eq "Admin""#,
    r#"username Eq "bob""#,
    r#"email Co "example""#,
    r#"userName sw "J" or title pr and not (emails co "example.com")"#,
    r#"emails[type eq "work" and value co "@example.com"] or ims[type eq "xmpp" and value co "@foo.com"]"#,
    r#"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value eq "m1""#,
    r#"urn:ietf:params:scim:schemas:core:2.0:User:name.familyName co "O'Malley""#,
    r#"title eq null or nickName ne null"#,
    r#"name.givenName gt "A" and x509Certificates pr"#,
];

pub const PATHS: &[&str] = &[
    "userName",
    "name.familyName",
    "emails[type eq \"work\"].value",
    "addresses[type eq \"work\"].formatted",
    "phoneNumbers[type eq \"mobile\"].value",
    "roles[primary eq \"True\"].display",
    "members[value eq \"2819c223-7f76-453a-919d-413861904646\"]",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
    "urn:ietf:params:scim:schemas:core:2.0:User:name.givenName",
    "emails[type eq \"work\" and not (value pr)]",
    "manager",
];

pub const PATCHES: &[&str] = &[
    r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"Replace","path":"emails[type eq \"work\"].value","value":"updatedEmail@microsoft.com"},{"op":"Replace","path":"name.familyName","value":"updatedFamilyName"}]}"#,
    r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"emails[type eq \"work\"].value","value":"x"},{"op":"replace","value":{"displayName":"Bjfe","name.givenName":"Kkom","name.familyName":"Unua","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber":"Aklq"}}]}"#,
    r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"Replace","path":"active","value":"False"}]}"#,
    r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","value":{"active":false}}]}"#,
    r#"{"Operations":[{"op":"Add","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager","value":"m1"}]}"#,
    r#"{"Operations":[{"op":"Add","path":"manager","value":[{"$ref":"http://x/Users/m1","value":"m1"}]}]}"#,
    r#"{"Operations":[{"op":"Replace","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager","value":{"value":""}}]}"#,
    r#"{"Operations":[{"op":"Add","path":"emails[type eq \"work\"].primary","value":"true"},{"op":"Add","path":"emails[type eq \"work\"].type","value":"work"},{"op":"Add","path":"emails[type eq \"work\"].value","value":"x"}]}"#,
    r#"{"Operations":[{"op":"Remove","path":"emails[type eq \"work\"].value","value":"x@y"}]}"#,
    r#"{"Operations":[{"op":"Add","path":"roles","value":[{"value":"{\"id\":\"1\",\"value\":\"Admin\",\"displayName\":\"Admin\"}"}]}]}"#,
    r#"{"Operations":[{"op":"Add","path":"members","value":[{"$ref":null,"value":"u1"}]}]}"#,
    r#"{"Operations":[{"op":"Remove","path":"members","value":[{"$ref":null,"value":"m1"}]}]}"#,
    r#"{"Operations":[{"op":"remove","path":"members[value eq \"m1\"]"},{"op":"add","path":"members","value":[{"value":"B","display":"b@x"}]}]}"#,
    r#"{"Operations":[{"op":"replace","value":{"id":"id-1","displayName":"New"}}]}"#,
    r#"{"operations":[{"op":"replace","path":"members","value":[]}]}"#,
    r#"{"Operations":[{"op":"remove","path":"displayName"},{"op":"add","path":"displayName","value":"a"},{"op":"replace","path":"displayName","value":"b"}]}"#,
];

pub const RESOURCES: &[&str] = &[
    r#"{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],"externalId":"0a21f0f2","userName":"Test_User","active":true,"emails":[{"primary":true,"type":"work","value":"Test@testuser.com"},{"type":"home","value":"h@x"}],"meta":{"resourceType":"User"},"name":{"formatted":"givenName familyName","familyName":"familyName","givenName":"givenName"},"roles":[],"title":"T","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"D","employeeNumber":"7","manager":{"value":"m1"}}}"#,
    r#"{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0User"],"externalId":"jyoung","userName":"jyoung","addresses":null,"phoneNumbers":null,"preferredLanguage":null,"title":null,"department":null,"manager":null}"#,
    r#"{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"test.joiner@x","name":{"givenName":"test","familyName":"joiner"},"emails":[{"primary":true,"value":"test.joiner@x"}],"externalId":"00u18","groups":[],"password":"s3cret","active":true}"#,
    r#"{"userName":"v","roles":[{"primary":"True","display":"d","value":"v","type":"t"}],"addresses":[{"type":"work","formatted":"1 Street\nTown","country":"DE","primary":false}],"x509Certificates":[{"value":"QUJD"}],"photos":[{"value":"https://x/p.png","type":"photo"}],"ims":[{"value":"i","type":"xmpp"}],"entitlements":[{"value":"e"}],"phoneNumbers":[{"value":"55555555555","type":"work"}]}"#,
    r#"{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group","http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"],"externalId":"8aa1a0c0","displayName":"displayName","meta":{"resourceType":"Group"}}"#,
    r#"{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"id":"g","displayName":"G","members":[{"value":"m1","display":null},{"value":"m2","type":"Group","$ref":"https://x/Groups/m2"}]}"#,
];
