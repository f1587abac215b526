-- Roles and databases for compose.yaml, as launcher/stores/postgres.py makes them. A role's password is its name.
CREATE ROLE "order" LOGIN CREATEDB PASSWORD 'order';
ALTER ROLE "order" SET idle_in_transaction_session_timeout = '20s';
CREATE DATABASE "order" OWNER "order";
CREATE ROLE "stock" LOGIN CREATEDB PASSWORD 'stock';
ALTER ROLE "stock" SET idle_in_transaction_session_timeout = '20s';
CREATE DATABASE "stock" OWNER "stock";
CREATE ROLE "notification" LOGIN CREATEDB PASSWORD 'notification';
ALTER ROLE "notification" SET idle_in_transaction_session_timeout = '20s';
CREATE DATABASE "notification" OWNER "notification";
CREATE ROLE "saga" LOGIN CREATEDB PASSWORD 'saga';
ALTER ROLE "saga" SET idle_in_transaction_session_timeout = '20s';
CREATE DATABASE "saga" OWNER "saga";
CREATE ROLE "keycloak" LOGIN CREATEDB PASSWORD 'keycloak';
ALTER ROLE "keycloak" SET log_min_messages = 'fatal';
CREATE DATABASE "keycloak" OWNER "keycloak";
