/// What `/api/v1` takes and answers, for programs that read it (OpenAPI 3.1).
enum OpenAPI {
    static let document = #"""
        {
          "openapi": "3.1.0",
          "info": {
            "title": "formsapi",
            "version": "1",
            "description": "Takes citizens' forms, seals them at receipt for the city's core network, and shows their state to whoever has receipt and query code. Nothing that was sent can be read here afterwards.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}
          },
          "paths": {
            "/api/v1/forms": {
              "get": {
                "operationId": "listForms",
                "summary": "Forms that take submissions",
                "responses": {
                  "200": {
                    "description": "All forms.",
                    "content": {
                      "application/json": {
                        "schema": {
                          "type": "object",
                          "required": ["forms"],
                          "properties": {"forms": {"type": "array", "items": {"$ref": "#/components/schemas/FormSummary"}}}
                        }
                      }
                    }
                  }
                }
              }
            },
            "/api/v1/forms/{form}": {
              "get": {
                "operationId": "getForm",
                "summary": "A form's current definition",
                "parameters": [{"$ref": "#/components/parameters/form"}],
                "responses": {
                  "200": {
                    "description": "The definition, as canonical JSON (RFC 8785); its SHA-256 is the digest.",
                    "content": {"application/json": {"schema": {"type": "object"}}}
                  },
                  "404": {"$ref": "#/components/responses/Unknown"}
                }
              }
            },
            "/api/v1/forms/{form}/submissions": {
              "post": {
                "operationId": "submit",
                "summary": "Send a form",
                "parameters": [
                  {"$ref": "#/components/parameters/form"},
                  {
                    "name": "Idempotency-Key",
                    "in": "header",
                    "required": false,
                    "description": "At least 128 random bits. The same key and content give the same receipt; without a key, the same content within two hours does.",
                    "schema": {"type": "string", "minLength": 16, "maxLength": 255, "pattern": "^[!-~]+$"}
                  }
                ],
                "requestBody": {
                  "required": true,
                  "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Submission"}}}
                },
                "responses": {
                  "201": {
                    "description": "Stored and sealed.",
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Receipt"}}}
                  },
                  "200": {
                    "description": "It was stored before: the same receipt again.",
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Receipt"}}}
                  },
                  "404": {"$ref": "#/components/responses/Unknown"},
                  "422": {"$ref": "#/components/responses/Invalid"},
                  "400": {"$ref": "#/components/responses/Unreadable"},
                  "429": {"$ref": "#/components/responses/TooMany"},
                  "503": {"$ref": "#/components/responses/Unavailable"},
                  "403": {"$ref": "#/components/responses/OtherSite"},
                  "408": {"$ref": "#/components/responses/TooSlow"},
                  "413": {"$ref": "#/components/responses/TooLarge"},
                  "415": {"$ref": "#/components/responses/MediaType"}
                }
              }
            },
            "/api/v1/forms/{form}/attachments": {
              "post": {
                "operationId": "attach",
                "summary": "Send a file ahead of its form",
                "description": "The body is the file. The claim in the answer goes into `attachments` of a submission within a day.",
                "parameters": [
                  {"$ref": "#/components/parameters/form"},
                  {"name": "field", "in": "query", "required": true, "schema": {"type": "string"}},
                  {
                    "name": "name",
                    "in": "query",
                    "required": true,
                    "schema": {"type": "string", "minLength": 1}
                  }
                ],
                "requestBody": {
                  "required": true,
                  "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
                },
                "responses": {
                  "201": {
                    "description": "Checked, sealed and waiting for its form.",
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Attachment"}}}
                  },
                  "404": {"$ref": "#/components/responses/Unknown"},
                  "422": {"$ref": "#/components/responses/Invalid"},
                  "400": {"$ref": "#/components/responses/Unreadable"},
                  "429": {"$ref": "#/components/responses/TooMany"},
                  "503": {"$ref": "#/components/responses/Unavailable"},
                  "403": {"$ref": "#/components/responses/OtherSite"},
                  "408": {"$ref": "#/components/responses/TooSlow"},
                  "413": {"$ref": "#/components/responses/TooLarge"}
                }
              }
            },
            "/api/v1/status": {
              "post": {
                "operationId": "status",
                "summary": "What became of a submission",
                "requestBody": {
                  "required": true,
                  "content": {
                    "application/json": {
                      "schema": {
                        "type": "object",
                        "additionalProperties": false,
                        "required": ["receipt", "code"],
                        "properties": {"receipt": {"type": "string"}, "code": {"type": "string"}}
                      }
                    }
                  }
                },
                "responses": {
                  "200": {
                    "description": "Its state.",
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Status"}}}
                  },
                  "404": {"$ref": "#/components/responses/UnknownReceipt"},
                  "400": {"$ref": "#/components/responses/Unreadable"},
                  "429": {"$ref": "#/components/responses/TooMany"},
                  "503": {"$ref": "#/components/responses/Unavailable"},
                  "403": {"$ref": "#/components/responses/OtherSite"},
                  "408": {"$ref": "#/components/responses/TooSlow"},
                  "413": {"$ref": "#/components/responses/TooLarge"},
                  "415": {"$ref": "#/components/responses/MediaType"}
                }
              }
            },
            "/api/v1/challenge": {
              "get": {
                "operationId": "challenge",
                "summary": "A proof-of-work challenge (ALTCHA, version 1)",
                "responses": {
                  "200": {
                    "description": "The challenge.",
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Challenge"}}}
                  },
                  "503": {"$ref": "#/components/responses/Unavailable"}
                }
              }
            }
          },
          "components": {
            "schemas": {
              "Localized": {
                "type": "object",
                "required": ["zh", "en"],
                "properties": {"zh": {"type": "string"}, "en": {"type": "string"}}
              },
              "FormSummary": {
                "type": "object",
                "required": ["id", "kind", "digest", "title"],
                "properties": {
                  "id": {"type": "string"},
                  "kind": {"type": "string", "enum": ["hotline", "approval"]},
                  "digest": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
                  "title": {"$ref": "#/components/schemas/Localized"}
                }
              },
              "Submission": {
                "type": "object",
                "additionalProperties": false,
                "required": ["answers"],
                "properties": {
                  "form": {
                    "description": "Digest of the definition that was filled in; without it, the current one.",
                    "type": "string",
                    "pattern": "^[0-9a-f]{64}$"
                  },
                  "language": {"type": "string", "enum": ["zh", "en"], "default": "zh"},
                  "answers": {
                    "type": "object",
                    "description": "By field: a string; an array of strings for `multiple`; an object of strings (unit, village, rest, position) for `address`.",
                    "additionalProperties": {
                      "anyOf": [
                        {"type": "string"},
                        {"type": "array", "items": {"type": "string"}},
                        {"type": "object", "additionalProperties": {"type": "string"}}
                      ]
                    }
                  },
                  "attachments": {"type": "array", "maxItems": 100, "items": {"type": "string"}},
                  "proof": {
                    "type": "string",
                    "description": "A solved challenge (base64 of JSON), where one was asked for."
                  }
                }
              },
              "Receipt": {
                "type": "object",
                "required": ["receipt", "code", "repeated"],
                "properties": {
                  "receipt": {"type": "string", "pattern": "^XM[0-9]{6}[0-9A-Z]{9}$"},
                  "code": {"type": "string", "pattern": "^[0-9A-Z]{16}$"},
                  "repeated": {"type": "boolean"}
                }
              },
              "Attachment": {
                "type": "object",
                "required": ["claim", "field", "name", "type", "bytes", "sha256", "expires"],
                "properties": {
                  "claim": {"type": "string"},
                  "field": {"type": "string"},
                  "name": {"type": "string"},
                  "type": {"type": "string"},
                  "bytes": {"type": "integer"},
                  "sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
                  "expires": {"type": "string", "format": "date-time"}
                }
              },
              "Status": {
                "type": "object",
                "required": ["state", "version"],
                "properties": {
                  "state": {
                    "type": "string",
                    "enum": ["received", "accepted", "correction", "answered", "granted", "refused", "notAccepted", "withdrawn"]
                  },
                  "version": {"type": "integer"},
                  "text": {"type": "string"},
                  "dates": {"type": "object", "additionalProperties": {"type": "string"}}
                }
              },
              "Challenge": {
                "type": "object",
                "required": ["algorithm", "challenge", "maxnumber", "salt", "signature"],
                "properties": {
                  "algorithm": {"type": "string"},
                  "challenge": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
                  "maxnumber": {"type": "integer"},
                  "salt": {"type": "string"},
                  "signature": {"type": "string"}
                }
              },
              "Problem": {
                "type": "object",
                "required": ["type", "title", "status", "code", "detail"],
                "properties": {
                  "type": {"type": "string"},
                  "title": {"type": "string"},
                  "detail": {"type": "string"},
                  "status": {"type": "integer"},
                  "code": {"type": "string"},
                  "errors": {
                    "type": "array",
                    "items": {
                      "type": "object",
                      "required": ["field", "code", "message"],
                      "properties": {
                        "field": {"type": "string"},
                        "code": {"type": "string"},
                        "message": {"$ref": "#/components/schemas/Localized"}
                      }
                    }
                  },
                  "challenge": {"$ref": "#/components/schemas/Challenge"}
                }
              }
            },
            "parameters": {
              "form": {
                "name": "form",
                "in": "path",
                "required": true,
                "schema": {"type": "string", "pattern": "^[a-z0-9-]{1,64}$", "examples": ["hotline"]}
              }
            },
            "responses": {
              "Unknown": {
                "description": "No such form.",
                "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
              },
              "Invalid": {
                "description": "Some answers or files need correction (`errors`), or the key was used for other content.",
                "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
              },
              "Unreadable": {
                "description": "The request cannot be read.",
                "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
              },
              "TooMany": {
                "description": "Too much in a short time; with `proofNeeded` a solved challenge helps.",
                "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
              },
              "Unavailable": {
                "description": "Nothing was stored; try again later.",
                "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
              },
              "OtherSite": {
                "description": "The request comes from another site.",
                "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
              },
              "TooSlow": {
                "description": "The body arrived too slowly.",
                "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
              },
              "TooLarge": {
                "description": "The body is too large.",
                "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
              },
              "MediaType": {
                "description": "The body is of another media type.",
                "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
              },
              "UnknownReceipt": {
                "description": "Unknown receipt or wrong code: the two are not told apart.",
                "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
              }
            }
          }
        }

        """#
}
